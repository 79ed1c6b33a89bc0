import { expect, test } from 'vitest';
import type { AdapterEntry } from '#workers/protocol.ts';
import { wordsOfAdapter, wordsOfModel } from './card-words.ts';
import type { ChainModel } from './on-chain.svelte.ts';
import { matches } from './search.ts';

const registered = (id: number) =>
	({
		network: { id: 1, name: 'OpenLedger sandbox', play: true },
		model: {
			id,
			owner: `0x12ab${'0'.repeat(32)}89ef`,
			price: 4n * 10n ** 17n,
			status: 1,
			location: 'ada/heart@v1'
		}
	}) as ChainModel;

const adapter = {
	name: 'Straße',
	summary: 'Answers “What is …?” about Café résumés.',
	author: 'Zoë',
	base: 'openledger/tiny',
	baseHashes: [],
	fits: true,
	rank: 16,
	targetModules: ['q', 'v'],
	bytes: 1_340_000,
	licence: 'CC-BY-4.0',
	origin: { kind: 'hub', repo: 'ada/heart', revision: 'main', folder: '' },
	datanets: [{ name: 'Bones and Joints', rows: 3 }],
	parents: [{ id: '', name: 'Skeleton', datanets: [{ name: 'Skulls', rows: 9 }] }],
	evaluation: { baseLoss: 3.2, adapterLoss: 2.1, rows: 40 }
} as unknown as AdapterEntry;
const card = wordsOfAdapter(adapter, { indexed: 2522, registered: [registered(3)], base: 'Nano' });

test.each([
	...['', '  ', 'model 3', '3 sandbox MODEL', 'sandbox', 'strasse', 'STRASSE', 'cafe zoe', 'joints bones'],
	...[
		'nano',
		'openledger/tiny',
		'resumes',
		'RÉSUMÉS',
		'ada/heart',
		'rank 16',
		'modules 2',
		'1.3 MB',
		'cc-by',
		'skulls skeleton'
	],
	...['0x12ab', '89ef', '2,522 rows indexed', 'held-out 40']
])('an adapter is found by “%s”', (query) => {
	expect(matches(query, card)).toBe(true);
});

test.each(['model 4', 'model 1', 'sandbox finance', '6', 'model 03'])('and not by “%s”', (query) => {
	expect(matches(query, card)).toBe(false);
});

test('a registered one that is not here is found by what its card says', () => {
	const words = wordsOfModel(registered(14));
	for (const query of ['model 14', 'heart', 'sandbox paused', '0.4 open', '0x12ab…89ef'])
		expect([query, matches(query, words)]).toEqual([query, true]);
	for (const query of ['model 4', 'model 1', 'finance'])
		expect([query, matches(query, words)]).toEqual([query, false]);
});
