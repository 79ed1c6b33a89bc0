import { describe, expect, test } from 'vitest';
import { memoryOf, smallWorld } from '#test/support/lineage.ts';
import { rewardKey } from '../../../contracts/client/keys.ts';
import type { Ref } from './facts.ts';
import { lineageOf, parseRef, refText, type Group, type Lineage } from './lineage.ts';
import { holdersOf, keysOf, nameOfReward } from './rewards.ts';
import { detailOf, factsOf, titleOf } from './words.ts';

const world = smallWorld();
const memory = memoryOf(world);
const all: Ref[] = [
	...world.people.map(({ id }) => ({ kind: 'contributor' as const, id })),
	...world.rows.map(({ id }) => ({ kind: 'row' as const, id })),
	...world.datanets.map(({ id }) => ({ kind: 'datanet' as const, id })),
	{ kind: 'base', id: world.adapters[0]?.base?.id ?? '' },
	...world.adapters.map(({ id }) => ({ kind: 'adapter' as const, id })),
	...world.replies.map(({ id }) => ({ kind: 'reply' as const, id })),
	...world.receipts.map(({ id }) => ({ kind: 'receipt' as const, id })),
	...world.settlements.map(({ id }) => ({ kind: 'settlement' as const, id })),
	...world.rewards.map(({ id }) => ({ kind: 'reward' as const, id }))
];

async function known(ref: Ref, most = 100): Promise<Lineage> {
	const lineage = await lineageOf(ref, memory, most);
	if (!lineage) throw new Error(`${refText(ref)} is not known`);
	return lineage;
}

const steps = (groups: Group[]) =>
	groups.flatMap(({ relation, links }) => links.map((link) => ({ relation, ...link })));

test('both ends of every step tell the same: how, of what share, for how many wei', async () => {
	let seen = 0;
	for (const ref of all) {
		const { made, makers } = await known(ref);
		for (const [side, groups] of [
			['makers', made],
			['made', makers]
		] as const)
			for (const { relation, node, share, wei } of steps(groups)) {
				const back = steps((await known(node))[side]).find(
					(step) => step.relation === relation && refText(step.node) === refText(ref)
				);
				expect(back, `${refText(ref)} ${relation} ${refText(node)}`).toMatchObject({ relation });
				expect([back?.share, back?.wei]).toEqual([share, wei]);
				seen++;
			}
	}
	expect(seen).toBeGreaterThan(40);
});

test('from a reply one walks to the row, its contributor, and what the contributor is paid', async () => {
	const reply = await known({ kind: 'reply', id: 'reply-1' });
	const row = reply.makers.find(({ relation }) => relation === 'moved')?.links[0];
	expect(row?.share).toBe(30_000);
	const { makers } = await known(row?.node ?? { kind: 'row', id: '' });
	const person = makers.find(({ relation }) => relation === 'gave')?.links[0]?.node;
	const paid = (await known(person ?? { kind: 'contributor', id: '' })).makers[0]?.links[0];
	expect(paid?.node.kind).toBe('reward');
	expect(paid?.wei).toBe(10n ** 18n);
	const { made } = await known({ kind: 'settlement', id: '1.1' });
	expect(steps(made).reduce((sum, { wei }) => sum + (wei ?? 0n), 0n)).toBe(world.settlements[0]?.amount);
});

test('from any kind of thing every other kind can be reached', async () => {
	for (const start of all.filter(({ id }) => id !== 'reply-2' && !id.startsWith('0x9'))) {
		const seen = new Map([[refText(start), start]]);
		for (const ref of seen.values()) {
			const { makers, made } = await known(ref);
			for (const { node } of steps([...makers, ...made])) seen.set(refText(node), node);
		}
		expect(new Set([...seen.values()].map(({ kind }) => kind)).size, refText(start)).toBe(9);
	}
});

test('no more neighbours of a kind than asked for, and it is said that there are more', async () => {
	const { makers } = await known({ kind: 'reply', id: 'reply-1' }, 1);
	const rows = makers.find(({ relation }) => relation === 'moved');
	expect(rows?.links).toHaveLength(1);
	expect(rows?.more).toBe(true);
	expect(await lineageOf({ kind: 'row', id: 'nowhere' }, memory, 1)).toBeUndefined();
});

test('an adapter that is not here any more is known by what it wrote', async () => {
	const gone = memoryOf({ ...world, adapters: [] });
	const lineage = await lineageOf({ kind: 'adapter', id: '7'.repeat(64) }, gone, 9);
	expect(lineage?.node.facts).toMatchObject({ name: 'Finance 2' });
	expect(lineage?.made[0]?.links).toHaveLength(2);
});

test('a reference is read back as it was written, and nothing else is taken for one', () => {
	for (const ref of all) expect(parseRef(refText(ref))).toEqual(ref);
	for (const text of [
		null,
		'',
		'row',
		'row:',
		'rowz:1',
		`row:${'x'.repeat(301)}`,
		'__proto__:x',
		'constructor:x'
	])
		expect(parseRef(text), `${text}`).toBeUndefined();
});

test('names and texts of any length and kind make a card', async () => {
	const long = 'x'.repeat(100_000);
	for (const ref of all) {
		const { node } = await known(ref);
		expect(titleOf(node).length).toBeGreaterThan(0);
		const facts = {
			...node.facts,
			name: long,
			text: long,
			note: '',
			author: long,
			licence: long,
			source: long
		};
		const hostile = { ...node, facts } as unknown as typeof node;
		expect(titleOf(hostile).length).toBeLessThanOrEqual(160);
		expect(detailOf(hostile).length).toBeLessThanOrEqual(200);
		for (const { value } of factsOf(hostile)) expect(value.length).toBeLessThanOrEqual(200);
	}
});

test('who has no name is told by the address, once', () => {
	const id = `0x${'ab'.repeat(20)}`;
	const person = { kind: 'contributor' as const, id, facts: { id } };
	expect(titleOf(person)).toBe('0xabab…abab');
	expect(detailOf(person)).toBe('known by an address only');
	expect(detailOf({ ...person, facts: { id, isMe: true } })).toBe('0xabab…abab');
	const row = { id: '0x1', text: 'words', contributor: { id }, datanets: [] };
	expect(detailOf({ kind: 'row', id: row.id, facts: row })).toBe('by 0xabab…abab');
});

describe('whom a reward pays', () => {
	const [ada, ben] = [`0x${'Aa'.repeat(20)}`, `0x${'bB'.repeat(20)}`];
	const model = {
		id: 1,
		owner: ben,
		base: 0,
		parent: 0,
		sources: [],
		price: 0n,
		allowance: 0n,
		status: 0,
		location: ''
	};
	const registry = {
		owners: [ada, ben, ada],
		models: [{ ...model, hash: '0x1', manifest: '0x2', index: '0x3' }],
		datanets: [
			{
				id: 1,
				curator: ada,
				name: 'Finance',
				units: 7n,
				holdings: new Map([
					[1, 2n],
					[2, 4n],
					[3, 1n]
				])
			}
		]
	} as unknown as Parameters<typeof holdersOf>[2];
	const [a, b] = [ada.toLowerCase(), ben.toLowerCase()];

	test('a number and a model pay their owner, a Datanet its holders by units, never more than there is', () => {
		expect(holdersOf(2, 5n, registry)).toEqual([{ owner: b, wei: 5n }]);
		expect(holdersOf(rewardKey('model', 1), 5n, registry)).toEqual([{ owner: b, wei: 5n }]);
		expect(holdersOf(rewardKey('treasury'), 5n, registry)).toEqual([]);
		expect(holdersOf(99, 5n, registry)).toEqual([]);
		// 100 × 2/7 = 28.57 and 100 × 1/7 = 14.28 are rounded down each, as the contract does.
		expect(holdersOf(rewardKey('datanet', 1), 100n, registry)).toEqual([
			{ owner: b, wei: 57n },
			{ owner: a, wei: 42n }
		]);
	});

	test('the keys of a person are all that pay the person', () => {
		const mine = [1, 3, rewardKey('datanet', 1)];
		expect(keysOf(new Set([a]), registry)).toEqual(mine);
		expect(keysOf(new Set([b]), registry)).toEqual([2, rewardKey('model', 1), rewardKey('datanet', 1)]);
		expect(keysOf(new Set(['0x']), registry)).toEqual([]);
		for (const key of mine) expect(holdersOf(key, 70n, registry).some(({ owner }) => owner === a)).toBe(true);
	});

	test('every kind of key has a name', () => {
		const names = [
			1,
			...(['model', 'datanet', 'modelPool', 'hostPool', 'auditors', 'treasury'] as const).map((kind) =>
				rewardKey(kind, 1)
			)
		];
		expect(names.map((key) => nameOfReward(key, registry, () => 'Money'))).toEqual([
			'Contributor 1',
			'Owner of Money',
			'Finance',
			'Stakers on Money',
			'Stakers on host 1',
			'Auditors',
			'Treasury'
		]);
	});
});
