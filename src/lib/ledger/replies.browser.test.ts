import { encodeFunctionData, parseEther, zeroHash, type Hex } from 'viem';
import { beforeEach, expect, test } from 'vitest';
import type { ModelRecord } from '#workers/ledger/book.ts';
import type { Completion } from '#workers/protocol.ts';
import { modelsAbi } from '../../../contracts-abi/abi/Models.ts';
import { readModels } from '../adapters/link/registration.ts';
import { deposit } from '../chain/actions/money.ts';
import { session } from '../chain/session.svelte.ts';
import { db } from './db.ts';
import { admit, keepReceipt } from './replies.ts';

/** Finance in the sandbox (contracts/tools/seed.ts): it costs something beyond 2,000 tokens a day. */
const FREE = 2_000;
const FINANCE = 1;
const base = 'aa'.repeat(32);

beforeEach(async () => {
	await session.ready();
	await Promise.all([db.receipts.clear(), db.registry.clear()]);
});

async function finance(): Promise<ModelRecord> {
	const { network } = await session.reader();
	return (await readModels(network))[FINANCE] as ModelRecord;
}

/** The adapter whose files a registered model names. */
const adapter = ({ hash, manifest, index }: Pick<ModelRecord, 'hash' | 'manifest' | 'index'>) => ({
	weight: 1,
	files: { weights: hash.slice(2), config: 'cc'.repeat(32) },
	fingerprints: () => Promise.resolve({ manifest: manifest.slice(2), index })
});

let counter = 0;
const reply = (used: ReturnType<typeof adapter>) => ({
	id: `reply ${counter++}`,
	conversation: '',
	adapter: 'Finance',
	files: [used]
});

/** A finished reply of so many tokens. */
const written = (completion: number) =>
	({
		ids: { prompt: [1], reply: Array.from({ length: completion }, (_, i) => i) },
		tokens: { prompt: 1, reused: 0, completion }
	}) as Completion;

test('a page of another address gets what is free for certain, also of two replies at once, and never owes', async () => {
	const used = adapter(await finance());
	const refused = { refusal: { code: 'ledger/refused' } };
	expect(await admit([used], FREE + 1, false)).toMatchObject(refused);
	// Each would be free alone.
	const half = FREE / 2 + 200;
	const [first, second] = await Promise.all([admit([used], half, false), admit([used], half, false)]);
	expect(first.refusal).toBeUndefined();
	expect(second).toMatchObject(refused);
	first.end();
	const { network } = await session.reader();
	for (let i = 0; i < 2; i++)
		expect(await keepReceipt(reply(used), written(half), base, false)).toMatchObject({
			price: parseEther('0.5')
		});
	expect(await db.receipts.count()).toBe(2);
	expect(await db.owed(network.id)).toEqual([]);
	// What it used is used up: for the page nothing is left, and the person pays from the first token on.
	expect(await admit([used], 1, false)).toMatchObject(refused);
	await keepReceipt(reply(used), written(100), base);
	expect((await db.owed(network.id)).map(({ amount }) => amount)).toEqual([parseEther('0.05')]);
});

test('of two registrations of the same weights the one whose manifest the adapter has is paid', async () => {
	const first = await finance();
	const { network } = await session.reader();
	const other = { hash: first.hash, manifest: `0x${'bb'.repeat(32)}` as Hex, index: zeroHash };
	const hashes = [other.hash, other.manifest, other.index] as const;
	const args = [1, 0, hashes, [], parseEther('3'), 0n, 'elsewhere:'] as const;
	const data = encodeFunctionData({ abi: modelsAbi, functionName: 'register', args });
	const send = (title: string, call: { to: Hex; data: Hex; value?: bigint }) =>
		session.complete({ id: `${title} ${crypto.randomUUID()}`, title, call });
	await send('deposit', deposit(network.addresses, parseEther('500')));
	await send('register', { to: network.addresses.models, data });
	const second = (await readModels(network)).at(-1);
	expect(second).toMatchObject(other);

	const paid = async (used: ReturnType<typeof adapter>) => {
		const { receipt } = (await keepReceipt(reply(used), written(10), base)) ?? {};
		return (await db.receipts.get(receipt ?? '0x'))?.model;
	};
	expect(await paid(adapter(first))).toBe(first.id);
	expect(await paid(adapter(other))).toBe(second?.id);
	// Neither's, or files that cannot be read: whoever was there first.
	expect(await paid(adapter({ ...other, manifest: `0x${'dd'.repeat(32)}` }))).toBe(first.id);
	const unread = () => Promise.reject(new Error('gone'));
	expect(await paid({ ...adapter(other), fingerprints: unread })).toBe(first.id);
});
