import 'fake-indexeddb/auto';
import {
	encodeFunctionData,
	keccak256,
	parseEther,
	stringToHex,
	zeroHash,
	type Abi,
	type Address,
	type Hex
} from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { splitterAbi } from '../../contracts-abi/abi/Splitter.ts';
import { hashBatch, type Batch } from '../../contracts/client/batch.ts';
import { rewardKey } from '../../contracts/client/keys.ts';
import { encodeLeaves } from '../../contracts/client/leaves.ts';
import { generator } from '../../contracts/client/random.ts';
import { RewardTree } from '../../contracts/client/tree.ts';
import { launchRules } from '../../contracts/deploy/params.ts';
import { populate, someone, startLocalChain, type LocalChain } from '../../contracts/tools/local.ts';
import { commitment } from './refuting.ts';
import type { RpcRequest } from './rpc.ts';
import { LedgerService, type ChainSource } from './service.ts';
import { BookStore } from './store.ts';

const PEOPLE = 60;
const seed = Date.now() % 2 ** 31;
const random = generator(seed);
const upTo = (n: number) => Math.floor(random() * n);
/** Whose days are told apart: earns in nearly every batch. */
const earner = 7;
const payer = someone('payer');
const poster = someone('poster');

let chain: LocalChain;
let nonce = 0;
let databases = 0;
/** Everything that was settled, in order. */
let settled: { batch: Batch; leaves: Hex }[] = [];

beforeAll(async () => {
	chain = await startLocalChain();
	await populate(chain, PEOPLE);
	for (const account of [payer, poster]) await chain.fund(account, parseEther('100000'));
	for (let i = 0; i < 12; i++) await settle();
	await chain.pass(86_400);
	for (let i = 0; i < 12; i++) await settle();
});
afterAll(() => chain.stop());

async function settle(count?: number): Promise<void> {
	const ids = count
		? Array.from({ length: count }, (_, i) => i + 1)
		: [...Array(PEOPLE + 1).keys()].filter((id) => random() < 0.3 || id === earner);
	const weights = count || random() < 0.7 ? ids.map((id) => ({ id, weight: 1 + upTo(65_535) })) : [];
	const leaves = weights.length ? encodeLeaves(weights) : '0x';
	const [model, host] = [1 + upTo(2), upTo(3)];
	const amount = random() < 0.3 ? BigInt(1 + upTo(10_000)) : parseEther('1') + BigInt(upTo(2 ** 40));
	const transcripts = keccak256(stringToHex(`tab ${nonce}`));
	const args = [model, host, amount, nonce++, transcripts, leaves];
	const receipt = await chain.write(payer, chain.addresses.settlement, settlementAbi, 'settle', args);
	const { timestamp } = await chain.publicClient.getBlock({ blockNumber: receipt.blockNumber });
	const hash = leaves === '0x' ? zeroHash : keccak256(leaves);
	settled.push({
		batch: { payer, time: Number(timestamp), rules: 1, model, host, amount, transcripts, leaves: hash },
		leaves
	});
}

/** The contract's own word on what batches earned: key → wei. */
async function oracle(from: number, to: number, posterId: number): Promise<Map<number, bigint>> {
	const sum = new Map<number, bigint>();
	for (const { batch, leaves } of settled.slice(from, to)) {
		const [keys, wei] = await chain.publicClient.readContract({
			address: chain.addresses.splitter,
			abi: splitterAbi,
			functionName: 'all',
			args: [batch, posterId, leaves]
		});
		keys.forEach((key, i) => sum.set(key, (sum.get(key) ?? 0n) + (wei[i] ?? 0n)));
	}
	return sum;
}

const direct: RpcRequest = ({ method, params }) => chain.publicClient.request({ method, params } as never);

function source(rpc: RpcRequest | string = direct): ChainSource {
	return { id: 31337, addresses: chain.addresses, fromBlock: 0, depth: 0, rpc };
}

/** A fresh service with an empty database, or with a given one. */
function service(database = `books ${databases++}`) {
	return new LedgerService(new BookStore(database));
}

const now = async () => Number((await chain.publicClient.getBlock()).timestamp);
const core = (functionName: string, args: readonly unknown[] = []) =>
	chain.write(poster, chain.addresses.settlement, settlementAbi, functionName, args);
const checkpointOf = (id: bigint) =>
	chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'checkpoint',
		args: [id]
	});

const balanceOf = (account: Address) =>
	chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'balanceOf',
		args: [account]
	});

/** Posts roots of the service's own making, or changed ones. */
async function post(books: LedgerService, posterId = 0, change = (roots: Hex[]) => roots): Promise<bigint> {
	await books.sync('sync', source(), await now());
	const posting = await books.posting('post', source(), posterId);
	if (!posting) throw new Error('nothing to post');
	const { parent, batches, roots } = posting;
	const call = (functionName: string, args: readonly unknown[]) =>
		encodeFunctionData({ abi: settlementAbi as Abi, functionName, args });
	await core('multicall', [
		[call('mark', []), call('post', [BigInt(parent), posterId, batches, change(roots)])]
	]);
	const [, posted] = await chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'progress'
	});
	return posted;
}

test(`cumulative rewards are the contract's own to the wei, whoever posts; every wei can be claimed (seed ${seed})`, async () => {
	const books = service();
	const first = await post(books, earner);
	// The second checkpoint ends inside a day that is read already: its stretch has to be cut.
	const early = service('cut');
	await settle();
	await settle();
	await early.sync('sync', source(), await now());
	await post(books, 0);
	await settle();
	const summary = await early.sync('sync', source(), await now());
	expect(summary.pending.map(({ verdict }) => verdict)).toEqual(['right', 'right']);
	expect(summary.waiting.first).toBe(27);

	await chain.pass(launchRules.window);
	await core('finalise', [first]);
	await core('finalise', [first + 1n]);
	const final = await early.sync('sync', source(), await now());
	expect(final.finalised).toEqual({ id: 2, last: 26 });
	expect(final.betrayed).toBeUndefined();

	const due = await oracle(0, 24, earner);
	for (const [key, wei] of await oracle(24, 26, 0)) due.set(key, (due.get(key) ?? 0n) + wei);
	// The last batch is in no root yet, and may pay somebody for the first time.
	const keys = [...new Set([...due.keys(), ...(await oracle(26, 27, 0)).keys()])];
	const claims = await early.claims(source(), keys);
	for (const { key, cumulative } of claims)
		expect(cumulative, `seed ${seed}, key ${key}`).toBe(due.get(key) ?? 0n);
	const total = claims.reduce((sum, { cumulative }) => sum + cumulative, 0n);
	expect(total, `seed ${seed}`).toBe(settled.slice(0, 26).reduce((sum, { batch }) => sum + batch.amount, 0n));
	const pending = claims.reduce((sum, claim) => sum + claim.pending, 0n);
	expect(pending, `seed ${seed}`).toBe(settled[26]?.batch.amount);

	await core('claimMany', [claims]);
	await early.sync('sync', source(), await now());
	for (const { key, claimed, cumulative } of await early.claims(source(), keys))
		expect(claimed, `seed ${seed}, key ${key}`).toBe(cumulative);

	// By day and model: the same sum, the poster's part apart.
	const earnings = await early.earnings(source(), [earner]);
	expect(new Set(earnings.map(({ day }) => day)).size).toBeGreaterThan(1);
	const byDay = earnings.filter(({ final: isFinal }) => isFinal).reduce((sum, { wei }) => sum + wei, 0n);
	const [claim] = await early.claims(source(), [earner]);
	expect(byDay + (claim?.posted ?? 0n)).toBe(due.get(earner));
	expect(claim?.posted).toBeGreaterThan(0n);

	// Payment by payment: each adds up to its amount, and those of a key to what the books say of it.
	for (const [i, { batch }] of settled.entries()) {
		const payment = await early.payment('payment', source(), i + 1);
		const { payer: by, model, host, amount, time } = batch;
		expect(payment).toMatchObject({ batch: i + 1, payer: by.toLowerCase(), model, host, amount, time });
		expect(payment?.final).toBe(i < 26);
		expect(payment?.rewards.reduce((sum, { wei }) => sum + wei, 0n)).toBe(amount);
	}
	expect(await early.payment('payment', source(), settled.length + 1)).toBeUndefined();
	for (const { key, cumulative, pending: coming } of await early.claims(source(), keys)) {
		const { payments, more } = await early.payments('payments', source(), key, settled.length);
		expect(more).toBe(false);
		const paid = payments.flatMap(({ rewards }) => rewards.filter((reward) => reward.key === key));
		expect(
			paid.reduce((sum, { wei }) => sum + wei, 0n),
			`seed ${seed}, key ${key}`
		).toBe(cumulative + coming);
	}
	for (const model of [1, 2]) {
		const revenue = await early.revenue(source(), model);
		const mine = settled.filter(({ batch }) => batch.model === model);
		expect(revenue.reduce((sum, { wei }) => sum + wei, 0n)).toBe(
			mine.reduce((sum, { batch }) => sum + batch.amount, 0n)
		);
	}
	const newest = await early.payments('payments', source(), rewardKey('treasury'), 2);
	expect(newest.payments.map(({ batch }) => batch)).toEqual([27, 26]);
	expect(newest.more).toBe(true);
});

test(`books that go on from the store read only new blocks, and are the same as new ones (seed ${seed})`, async () => {
	const asked: number[] = [];
	const counted: RpcRequest = (call) => {
		if (call.method === 'eth_getLogs') asked.push(Number((call.params as [{ fromBlock: Hex }])[0].fromBlock));
		return direct(call);
	};
	await service('kept').sync('sync', source(counted), await now());
	const height = Number(await chain.publicClient.getBlockNumber());
	expect(Math.min(...asked)).toBe(0);
	asked.length = 0;
	await settle();
	const again = service('kept');
	const kept = await again.sync('sync', source(counted), await now());
	expect(Math.min(...asked)).toBe(height + 1);
	const fresh = service();
	expect(await fresh.sync('sync', source(), await now())).toEqual(kept);
	const keys = Array.from({ length: PEOPLE }, (_, i) => i + 1);
	expect(await again.claims(source(), keys)).toEqual(await fresh.claims(source(), keys));
	expect(await again.earnings(source(), keys)).toEqual(await fresh.earnings(source(), keys));
});

test(`a poster who lies by one wei is found and refuted in one transaction (seed ${seed})`, async () => {
	await settle();
	await settle();
	const books = service();
	await books.sync('sync', source(), await now());
	const honest = await books.posting('post', source(), 3);
	if (!honest) throw new Error('nothing to post');
	// The lie begins at the second batch and goes on: the tree with a wei more for person 5.
	const tree = new RewardTree();
	const keys = [...Array(PEOPLE + 1).keys()].slice(1).concat([1, 2].map((id) => rewardKey('model', id)));
	keys.push(
		...[1, 2].map((id) => rewardKey('datanet', id)),
		...[1, 2].map((id) => rewardKey('modelPool', id))
	);
	keys.push(...[1, 2].map((id) => rewardKey('hostPool', id)), rewardKey('auditors'), rewardKey('treasury'));
	tree.add((await books.claims(source(), keys)).map(({ key, cumulative }) => [key, cumulative] as const));
	const done = honest.first - 1;
	const lied: Hex[] = [];
	for (let i = done; i < honest.last; i++) {
		tree.add(await oracle(i, i + 1, 3));
		if (i === done + 1) tree.add([[rewardKey('treasury'), 1n]]);
		lied.push(tree.root());
	}
	expect(lied[0]).toBe(honest.roots[0]);
	const lie = await post(books, 3, () => lied);
	const summary = await books.sync('sync', source(), await now());
	expect(summary.pending.at(-1)?.verdict).toBe('wrong');
	const salt = keccak256(stringToHex('salt'));
	const refutation = await books.refutation('refute', source(), Number(lie), salt);
	expect(refutation).toMatchObject({ index: 1, batch: done + 2, key: rewardKey('treasury'), difference: 1n });
	expect(refutation.calls.length).toBe(1);
	// Who committed ten minutes before gets half the bond.
	await core('commit', [commitment(poster, refutation, salt)]);
	await chain.pass(600);
	const before = await balanceOf(poster);
	for (const { functionName, args } of refutation.calls) await core(functionName, args);
	expect((await checkpointOf(lie)).refutedAt).toBeGreaterThan(0);
	expect((await balanceOf(poster)) - before).toBe(launchRules.bond / 2n);

	// The truth beside it stands.
	const truth = await post(books, 3);
	expect((await books.sync('sync', source(), await now())).pending.at(-1)).toMatchObject({
		id: Number(truth),
		verdict: 'right'
	});
});

test(`a root behind which nobody sees is replayed, in as many calls as it takes (seed ${seed})`, async () => {
	const more = Array.from({ length: 600 }, () =>
		encodeFunctionData({ abi: settlementAbi, functionName: 'register', args: [payer] })
	);
	for (let i = 0; i < 600; i += 200) await core('multicall', [more.slice(i, i + 200)]);
	await settle();
	await settle(600);
	await settle();
	const books = service();
	const lie = await post(books, 0, (roots) => roots.map((root, i) => (i < 1 ? root : keccak256(root))));
	await books.sync('sync', source(), await now());
	const refutation = await books.refutation('refute', source(), Number(lie));
	expect(refutation.index).toBe(1);
	expect(refutation.key).toBeUndefined();
	expect(refutation.calls.map(({ functionName }) => functionName)).toEqual(['replay', 'replay']);
	// Somebody else replays the first part; we go on from there.
	await core('replay', refutation.calls[0]?.args);
	const rest = await books.refutation('refute', source(), Number(lie));
	expect(rest.calls.length).toBe(1);
	await core('replay', rest.calls[0]?.args);
	expect((await checkpointOf(lie)).refutedAt).toBeGreaterThan(0);
	expect((await books.sync('sync', source(), await now())).pending.some(({ id }) => id === Number(lie))).toBe(
		false
	);
});

test('after a reorganisation the books are those of the new chain', async () => {
	const books = service('reorganised');
	const snapshot = await direct({ method: 'evm_snapshot' });
	const before = nonce;
	await settle();
	await settle();
	const old = await books.sync('sync', source(), await now());
	await direct({ method: 'evm_revert', params: [snapshot] });
	settled = settled.slice(0, -2);
	nonce = before;
	await chain.pass(1);
	await settle();
	// Not newer than what was read before, and then newer.
	const shorter = await books.sync('sync', source(), await now());
	expect(shorter.batches).toBe(old.batches - 1);
	await settle();
	await settle();
	const longer = await books.sync('sync', source(), await now());
	expect(longer).toEqual(await service().sync('sync', source(), await now()));
	expect(longer.batches).toBe(settled.length);
});

test('an RPC that leaves out, changes or makes up something is caught, and nothing is kept of it', async () => {
	const bend = (change: (logs: Record<string, unknown>[]) => unknown): RpcRequest => {
		return async (call) => {
			const answer = await direct(call);
			return call.method === 'eth_getLogs'
				? change(structuredClone(answer) as Record<string, unknown>[])
				: answer;
		};
	};
	const topic = keccak256(stringToHex('Settled(address,uint32,uint256,uint32,uint96,uint32,bytes32,bytes)'));
	const isSettled = ({ topics }: Record<string, unknown>) => (topics as Hex[])[0] === topic;
	const cases: [string, RpcRequest, string][] = [
		[
			'one settlement left out',
			bend((logs) => logs.filter((log, i) => !isSettled(log) || i % 5 !== 0)),
			'ledger/inconsistent'
		],
		[
			'the last settlements left out',
			bend((logs) => logs.filter((log) => !isSettled(log) || Number((log.data as Hex).slice(0, 66)) < 20)),
			'ledger/inconsistent'
		],
		[
			'one amount raised by a wei',
			bend((logs) =>
				logs.map((log) => {
					if (!isSettled(log) || Number((log.data as Hex).slice(0, 66)) !== 9) return log;
					const data = log.data as string;
					const amount = BigInt(`0x${data.slice(130, 194)}`) + 1n;
					return {
						...log,
						data: data.slice(0, 130) + amount.toString(16).padStart(64, '0') + data.slice(194)
					};
				})
			),
			'ledger/inconsistent'
		],
		['logs that are no list', bend(() => ({})), 'ledger/malformed'],
		[
			'leaves cut off',
			bend((logs) => logs.map((log) => ({ ...log, data: (log.data as string).slice(0, -64) }))),
			'ledger/malformed'
		],
		['logs in another order', bend((logs) => logs.reverse()), 'ledger/malformed'],
		[
			'no contract there',
			(call) => (call.method === 'eth_call' ? Promise.resolve('0x') : direct(call)),
			'ledger/malformed'
		]
	];
	const books = service('hostile');
	const before = await books.sync('sync', source(), await now());
	for (const [what, rpc, code] of cases) {
		const victim = service(`hostile ${what}`);
		await expect(victim.sync('sync', source(rpc), await now()), what).rejects.toMatchObject({ code });
		expect(await victim.sync('sync', source(), await now()), what).toEqual(before);
	}
});

test('a node that lags behind changes nothing', async () => {
	const books = service();
	const before = await books.sync('sync', source(), await now());
	const old: RpcRequest = (call) => {
		const newest = call.method === 'eth_getBlockByNumber' && (call.params as [string])[0] === 'latest';
		return direct(newest ? { ...call, params: ['0x5', false] } : call);
	};
	expect(await books.sync('sync', source(old), await now())).toEqual(before);
});

test('a network that does not answer is said so; a sync can be cancelled', async () => {
	const books = service();
	await expect(books.sync('sync', source('http://127.0.0.1:9'), 0)).rejects.toMatchObject({
		code: 'ledger/unreachable'
	});
	const slow: RpcRequest = async (call) => {
		if (call.method === 'eth_getLogs') books.cancel('slow');
		return await direct(call);
	};
	await expect(books.sync('slow', source(slow), 0)).rejects.toMatchObject({ code: 'aborted' });
	expect((await books.sync('sync', source(), await now())).batches).toBe(settled.length);
});

test('batch hashes made without text are those of the client', async () => {
	const books = service();
	await books.sync('sync', source(), await now());
	const posting = await books.posting('post', source(), 0);
	expect(posting?.batches).toEqual(
		settled.slice((posting?.first ?? 1) - 1).map(({ batch }) => hashBatch(batch))
	);
});
