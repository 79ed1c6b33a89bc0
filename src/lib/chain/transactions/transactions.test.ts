import 'fake-indexeddb/auto';
import { encodeFunctionData, parseEther, type Address, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { settlementAbi } from '../../../../contracts-abi/abi/Settlement.ts';
import { someone, startLocalChain, type LocalChain } from '../../../../contracts/tools/local.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { deposit, withdraw } from '../actions/money.ts';
import { FORGOTTEN, look } from './follow.ts';
import { db, type TransactionRecord } from './records.ts';
import { follow, send, settled, unfinished, type Sender } from './transactions.ts';

let chain: LocalChain;
let node: RpcRequest;
let account: Address;
let asked: string[];
let counter = 0;

beforeAll(async () => {
	chain = await startLocalChain();
	const { publicClient } = chain;
	node = ({ method, params }) => publicClient.request({ method, params } as never);
}, 60_000);
afterAll(() => chain.stop());

beforeEach(async () => {
	await db.transactions.clear();
	asked = [];
	account = someone(`payer ${counter++}`);
	await node({ method: 'anvil_setBalance', params: [account, '0x56bc75e2d63100000'] });
});

/** A sender over anvil, whose accounts are all unlocked; `ask` may be another wallet. */
function sender(ask: RpcRequest = node, depth = 0): Sender {
	return {
		network: { id: 31_337, depth },
		account,
		node,
		ask: async (call) => {
			asked.push(call.method);
			return ask(call);
		},
		verify: async () => undefined
	};
}

const wanted = (id: string, amount = 1n) => ({
	id,
	title: 'Deposit',
	call: deposit(chain.addresses, amount)
});
const mine = () => node({ method: 'evm_mine' });
const balance = () =>
	chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'balanceOf',
		args: [account]
	});
const stored = async (id: string) => (await db.transactions.get(id)) as TransactionRecord;

/** Looks once, as `follow` does, and keeps what was found. */
async function glance(id: string, later = 0, depth = 0): Promise<TransactionRecord> {
	const record = await stored(id);
	const changed = { ...record, ...(await look(record, node, depth, Date.now() + later)) };
	await db.transactions.put(changed);
	return changed;
}

async function without<T>(work: () => Promise<T>): Promise<T> {
	await node({ method: 'evm_setAutomine', params: [false] });
	try {
		return await work();
	} finally {
		await node({ method: 'evm_setAutomine', params: [true] });
		await mine();
	}
}

test('one wish is sent once, however often and from wherever it is asked for', async () => {
	const from = sender();
	const records = await Promise.all([
		send(from, wanted('a', 5n)),
		send(from, wanted('a', 5n)),
		send(from, wanted('a', 5n))
	]);
	expect(new Set(records.map(({ hash }) => hash)).size).toBe(1);
	expect((await settled('a', from, 5)).state).toBe('confirmed');
	expect((await send(from, wanted('a', 5n))).state).toBe('confirmed');
	expect(asked).toEqual(['eth_sendTransaction']);
	expect(await balance()).toBe(5n);
	expect(await unfinished(31_337)).toEqual([]);
});

test('what the contract would refuse is said in words before anybody is asked', async () => {
	const call = withdraw(chain.addresses, 1n, account);
	await expect(send(sender(), { id: 'w', title: 'Withdraw', call })).rejects.toMatchObject({
		code: 'chain/reverted',
		message: 'The prepaid balance does not cover this.',
		details: { reason: 'InsufficientBalance' }
	});
	await expect(send(sender(), wanted('rich', parseEther('1000000')))).rejects.toMatchObject({
		code: 'chain/insufficient-funds'
	});
	expect(asked).toEqual([]);
	expect(await db.transactions.count()).toBe(0);
});

test.each([
	[{ code: 4001, message: 'User rejected the request.' }, 'wallet/rejected', 'refused'],
	[{ code: -32002, message: 'Request already pending' }, 'wallet/locked', 'asked'],
	[{ code: 4100, message: 'Unauthorized' }, 'wallet/locked', 'asked'],
	[{ code: 4900, message: 'Disconnected' }, 'wallet/disconnected', 'asked'],
	[new Error('boom'), 'chain/failed', 'asked']
])('a wallet that answers %o', async (answer, code, state) => {
	await expect(
		send(
			sender(() => Promise.reject(answer)),
			wanted('no')
		)
	).rejects.toMatchObject({ code });
	expect((await stored('no')).state).toBe(state);
	expect(await balance()).toBe(0n);
});

test('a refused wish can be asked for again', async () => {
	await send(
		sender(() => Promise.reject({ code: 4001, message: '' })),
		wanted('again')
	).catch(() => undefined);
	await send(sender(), wanted('again'));
	expect((await settled('again', sender(), 5)).state).toBe('confirmed');
	expect(await balance()).toBe(1n);
});

test('a wallet that names another transaction than it was asked for is not believed', async () => {
	const one =
		(call: Partial<{ from: Address; data: Hex; value: Hex }>): RpcRequest =>
		async (asking) => {
			const [wish] = asking.params as [object];
			return node({ method: 'eth_sendTransaction', params: [{ ...wish, ...call }] });
		};
	const stranger = someone('a stranger');
	await node({ method: 'anvil_setBalance', params: [stranger, '0x56bc75e2d63100000'] });
	// A stranger's, a smaller amount, another call: all of them succeed on the chain.
	for (const [i, lie] of [
		{ from: stranger },
		{ value: '0x1' as Hex },
		{ data: '0x' as Hex, to: stranger }
	].entries()) {
		await send(sender(one(lie)), wanted(`lie ${i}`, 5n));
		await expect(settled(`lie ${i}`, sender(), 5)).rejects.toMatchObject({ code: 'transaction/unknown' });
		expect((await stored(`lie ${i}`)).state).toBe('unknown');
	}
	// A mark behind the call changes nothing.
	const { call } = wanted('marked', 5n);
	await send(sender(one({ data: `${call.data}ab12` })), wanted('marked', 5n));
	const marked = await settled('marked', sender(), 5);
	expect(marked.state).toBe('confirmed');
	// The same call, but the one of before.
	await send(
		sender(async () => marked.hash),
		wanted('again', 5n)
	);
	await expect(settled('again', sender(), 5)).rejects.toMatchObject({ code: 'transaction/unknown' });
	expect(await balance()).toBe(6n);
});

test('a page that closed while the wallet was asking finds its transaction by the account’s number', async () => {
	// The wallet sends, and its answer never arrives.
	const mute: RpcRequest = async (call) => {
		await node(call);
		throw new Error('the page was closed');
	};
	await send(sender(mute), wanted('lost', 7n)).catch(() => undefined);
	expect((await stored('lost')).state).toBe('asked');
	expect((await send(sender(), wanted('lost', 7n))).state).toBe('asked');
	expect((await settled('lost', sender(), 5)).state).toBe('confirmed');
	expect(await balance()).toBe(7n);
	expect(asked).toEqual(['eth_sendTransaction']);
});

test('where the wallet sent nothing, it waits; once the number is used otherwise, that is said', async () => {
	await send(
		sender(() => Promise.reject(new Error('closed'))),
		wanted('never', 7n)
	).catch(() => undefined);
	expect((await glance('never')).state).toBe('asked');
	await chain.send(
		account,
		chain.addresses.settlement,
		encodeFunctionData({ abi: settlementAbi, functionName: 'deposit' }),
		2n
	);
	expect(await glance('never')).toMatchObject({ state: 'unknown', error: { code: 'transaction/unknown' } });
});

test('it is seen in a block, and settled only when the block lies deep enough; a reorganisation takes it back', async () => {
	const snapshot = await node({ method: 'evm_snapshot' });
	await send(sender(node, 2), wanted('deep'));
	expect((await glance('deep', 0, 2)).state).toBe('seen');
	await mine();
	expect((await glance('deep', 0, 2)).state).toBe('seen');
	// The block is gone, and with it the transaction.
	await node({ method: 'evm_revert', params: [snapshot] });
	expect(await glance('deep', 0, 2)).toMatchObject({ state: 'sent', block: undefined });
	expect(await glance('deep', FORGOTTEN + 60_000, 2)).toMatchObject({
		state: 'dropped',
		error: { code: 'transaction/dropped' }
	});
	// A dropped one may be wished for again.
	await send(sender(node, 2), wanted('deep'));
	await mine();
	await mine();
	expect((await glance('deep', 0, 2)).state).toBe('confirmed');
});

test('a transaction sped up in the wallet is followed under its new hash; one replaced by another is said to be', async () => {
	const { to, data, value = 0n } = deposit(chain.addresses, 3n);
	const fields = (call: { to: Address; data: Hex; value: bigint }, nonce: number) => ({
		from: account,
		to: call.to,
		data: call.data,
		value: `0x${call.value.toString(16)}`,
		nonce: `0x${nonce.toString(16)}`,
		gas: '0x30d40',
		maxFeePerGas: '0x12a05f2000',
		maxPriorityFeePerGas: '0x12a05f2000'
	});
	await without(async () => {
		const first = await send(sender(), wanted('faster', 3n));
		expect((await glance('faster')).state).toBe('sent');
		await node({ method: 'eth_sendTransaction', params: [fields({ to, data, value }, first.nonce)] });
		await mine();
		expect((await glance('faster')).hash).not.toBe(first.hash);
		expect((await glance('faster')).state).toBe('confirmed');
		expect(await balance()).toBe(3n);

		const second = await send(sender(), wanted('cancelled', 3n));
		await node({
			method: 'eth_sendTransaction',
			params: [fields({ to: account, data: '0x', value: 0n }, second.nonce)]
		});
		await mine();
		expect(await glance('cancelled')).toMatchObject({
			state: 'replaced',
			error: { code: 'transaction/replaced' }
		});
		expect(await balance()).toBe(3n);
	});
});

test('one that fails in its block says the contract’s reason', async () => {
	await send(sender(), wanted('in', 10n));
	await without(async () => {
		const call = withdraw(chain.addresses, 10n, account);
		// Two withdrawals of the same money, checked while both would do.
		await send(sender(), { id: 'out 1', title: 'Withdraw', call });
		await db.transactions.update('out 1', {});
		const nonce = (await stored('out 1')).nonce;
		await node({
			method: 'eth_sendTransaction',
			params: [
				{
					from: account,
					to: call.to,
					data: call.data,
					gas: '0x30d40',
					nonce: `0x${(nonce + 1).toString(16)}`
				}
			]
		}).then((hash) =>
			db.transactions.put({
				...{ id: 'out 2', title: 'Withdraw', network: 31_337, from: account, call, state: 'sent' as const },
				nonce: nonce + 1,
				since: 0,
				created: 0,
				updated: 0,
				hash: hash as Hex
			})
		);
		await mine();
		await mine();
	});
	expect((await glance('out 1')).state).toBe('confirmed');
	expect(await glance('out 2')).toMatchObject({ state: 'reverted', error: { code: 'chain/reverted' } });
});

test('a node that stalls, talks nonsense or breaks off changes nothing, and is asked again', async () => {
	await send(sender(), wanted('patient'));
	const moods: (() => Promise<unknown>)[] = [
		() => Promise.reject(new Error('fetch failed')),
		async () => 'bananas',
		async () => ({ blockNumber: 1 }),
		async () => ({
			transactionHash: `0x${'1'.repeat(64)}`,
			blockNumber: '0x1',
			blockHash: '0x12',
			gasUsed: '0x1',
			status: '0x1'
		})
	];
	let questions = 0;
	const moody: RpcRequest = (call) => {
		const mood = moods[questions++];
		return mood ? mood() : node(call);
	};
	const record = await follow(
		'patient',
		{ network: { id: 31_337, depth: 0 }, node: moody },
		new AbortController().signal,
		5
	);
	expect(record?.state).toBe('confirmed');
	expect(questions).toBeGreaterThan(moods.length);
	for (const mood of moods)
		await expect(send({ ...sender(), node: mood }, wanted('nonsense'))).rejects.toMatchObject({
			code: /^chain\//
		});
	expect(asked).toEqual(['eth_sendTransaction']);
});

test('a node with an old head is not believed', async () => {
	await send(sender(), wanted('now'));
	const old: RpcRequest = (call) => (call.method === 'eth_blockNumber' ? Promise.resolve('0x1') : node(call));
	await expect(send({ ...sender(), node: old }, wanted('later'))).rejects.toMatchObject({
		code: 'chain/behind'
	});
	expect(asked).toEqual(['eth_sendTransaction']);
});
