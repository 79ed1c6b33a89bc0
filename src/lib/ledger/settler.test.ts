import 'fake-indexeddb/auto';
import { encodeFunctionData, parseEther, type Abi, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { populate, someone, startLocalChain, type LocalChain } from '../../../contracts/tools/local.ts';
import { makeReceipt } from '#workers/attribution/receipts/receipt.ts';
import { newSalt } from '#workers/attribution/receipts/salt.ts';
import { decodeLeaves } from '../../../contracts/client/leaves.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { LedgerDb } from './db.ts';
import { payerOver, type Payer } from './payer.ts';
import type { ReceiptRecord } from './records.ts';
import { giveUp, reconcile, settle } from './settler.ts';

let chain: LocalChain;
let db: LedgerDb;
let databases = 0;
let serial = 0;
const address = someone('payer');
const hash = (text: string) => text.padEnd(64, '0');

beforeAll(async () => {
	chain = await startLocalChain();
	await populate(chain, 20);
	await chain.fund(address, parseEther('1000'));
});
afterAll(() => chain.stop());
beforeEach(() => {
	db = new LedgerDb(`ledger ${databases++}`);
});

const direct: RpcRequest = ({ method, params }) => chain.publicClient.request({ method, params } as never);

/** Sends; anvil answers before the block is made, so that is waited for. */
async function sent(call: Parameters<RpcRequest>[0]): Promise<void> {
	const hash = (await direct(call)) as Hex;
	await chain.publicClient.waitForTransactionReceipt({ hash });
}

/** A payer over anvil; `wallet` may misbehave. */
function payer(wallet: RpcRequest = direct, request: RpcRequest = direct, depth = 0): Payer {
	return payerOver({ id: 31337, addresses: chain.addresses, fromBlock: 0, depth }, address, request, wallet);
}

async function owe(amount: bigint, change: Partial<ReceiptRecord> = {}): Promise<ReceiptRecord> {
	const transcript = {
		salt: newSalt(),
		prompt: [1, 2, 3],
		reply: Array.from({ length: 50 }, (_, i) => i),
		query: new Int8Array(32),
		entries: [
			{ contributor: 3, row: 0, score: 700 },
			{ contributor: 9, row: 4, score: 300 }
		]
	};
	const receipt = makeReceipt(
		{
			base: hash('aa'),
			adapter: { config: hash('bb'), weights: hash('cc') },
			index: null,
			unmeasured: null,
			lift: 0,
			support: 0,
			unattributed: 1000,
			host: 0,
			price: '1',
			time: serial++
		},
		transcript
	);
	const record: ReceiptRecord = {
		id: receipt.id,
		chain: 31337,
		model: 2,
		host: 0,
		amount,
		time: serial,
		reply: `reply ${serial}`,
		conversation: 'c',
		adapter: 'A',
		receipt,
		transcript,
		...change
	};
	await db.receipts.add(record);
	return record;
}

async function paid(): Promise<{ free: bigint; batches: bigint }> {
	const [, free] = await chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'accountOf',
		args: [address]
	});
	const [batches] = await chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'progress'
	});
	return { free, batches };
}

/** Balance and number of batches must have changed by this much. */
async function expectPaid(before: Awaited<ReturnType<typeof paid>>, amount: bigint, batches: bigint) {
	const after = await paid();
	expect(before.free - after.free).toBe(amount);
	expect(after.batches - before.batches).toBe(batches);
}

test('a tab of several models and hosts is paid in one transaction, and nothing is owed after', async () => {
	const before = await paid();
	await owe(1000n);
	await owe(2000n, { model: 1 });
	await owe(3000n, { host: 2 });
	await owe(4000n);
	await owe(0n);
	await owe(77n, { chain: 1 });
	const record = await settle(db, payer(), 'private');
	expect(record).toMatchObject({ state: 'settled', amount: 10_000n, final: 1 });
	expect(record?.batches.map(({ model, host, amount }) => [model, host, amount])).toEqual([
		[2, 0, 5000n],
		[1, 0, 2000n],
		[2, 2, 3000n]
	]);
	await expectPaid(before, 10_000n, 3n);
	expect(await db.owed(31337)).toEqual([]);
	expect(await settle(db, payer(), 'private')).toBeUndefined();
	// Receipts of another chain are left alone.
	expect((await db.owed(1)).length).toBe(1);
});

test('an auditable batch carries the summed lists as leaves', async () => {
	await owe(parseEther('1'));
	await owe(parseEther('1'));
	const record = await settle(db, payer(), 'auditable');
	const weights = decodeLeaves(record?.batches[0]?.leaves ?? '0x');
	// units 3,200 a record; a list is [0: 1600, 3: 1120, 9: 480].
	expect(weights).toEqual([
		{ id: 0, weight: 32_767 },
		{ id: 3, weight: 22_937 },
		{ id: 9, weight: 9_830 }
	]);
});

test('a person who declines keeps the receipts, and can settle them later', async () => {
	const before = await paid();
	await owe(1000n);
	const decline: RpcRequest = () => Promise.reject(Object.assign(new Error('no'), { code: 4001 }));
	await expect(settle(db, payer(decline), 'private')).rejects.toMatchObject({ code: 'ledger/declined' });
	expect((await db.owed(31337)).length).toBe(1);
	await settle(db, payer(), 'private');
	await expectPaid(before, 1000n, 1n);
});

test('a wallet that sent and then lost the connection is not asked to pay twice', async () => {
	const before = await paid();
	await owe(1000n);
	const sentThenLost: RpcRequest = async (call) => {
		await sent(call);
		throw new Error('connection lost');
	};
	await expect(settle(db, payer(sentThenLost), 'private')).rejects.toThrow('connection lost');
	expect(await db.owed(31337)).toEqual([]);
	// The next start sees that it landed.
	await owe(500n);
	const never: RpcRequest = () => Promise.reject(new Error('must not be asked'));
	await reconcile(db, payer(never));
	expect(await db.settlements.toArray()).toMatchObject([{ state: 'settled', amount: 1000n }]);
	await settle(db, payer(), 'private');
	await expectPaid(before, 1500n, 2n);
});

test('a crash before the wallet answered asks for the same payment again', async () => {
	const before = await paid();
	await owe(1000n);
	const lost: RpcRequest = () => Promise.reject(new Error('crashed'));
	await expect(settle(db, payer(lost), 'private')).rejects.toThrow('crashed');
	await owe(500n);
	const again = await settle(db, payer(), 'private');
	expect(again).toMatchObject({ state: 'settled', amount: 1000n });
	expect((await db.owed(31337)).map(({ amount }) => amount)).toEqual([500n]);
	await expectPaid(before, 1000n, 1n);
});

test('one that was given up and lands all the same counts, and its receipts are not paid again', async () => {
	const before = await paid();
	const first = await owe(1000n);
	let held: Parameters<RpcRequest>[0] | undefined;
	const holds: RpcRequest = (call) => {
		held = call;
		return Promise.reject(new Error('no answer'));
	};
	await expect(settle(db, payer(holds), 'private')).rejects.toThrow('no answer');
	const [given] = await db.settlements.toArray();
	await giveUp(db, payer(), given?.id ?? '');
	expect((await db.owed(31337)).length).toBe(1);
	const second = await owe(500n);
	// The second settlement takes both receipts; while the wallet shows it, the first one is sent.
	const late: RpcRequest = async () => {
		if (held) await sent(held);
		throw new Error('no answer');
	};
	await expect(settle(db, payer(late), 'private')).rejects.toThrow('no answer');
	await reconcile(db, payer());
	expect((await db.owed(31337)).map(({ id }) => id)).toEqual([second.id]);
	expect((await db.receipts.get(first.id))?.settlement).toBe(given?.id);
	await settle(db, payer(), 'private');
	await expectPaid(before, 1500n, 2n);
});

test('two tabs that settle at once pay once', async () => {
	const before = await paid();
	await owe(1000n);
	// Two payers with databases of the same name, and no lock between them: the worst case.
	const both = await Promise.allSettled([
		settle(new LedgerDb(db.name), payer(), 'private'),
		settle(new LedgerDb(db.name), payer(), 'private')
	]);
	await reconcile(db, payer());
	expect(both.some(({ status }) => status === 'fulfilled')).toBe(true);
	await expectPaid(before, 1000n, 1n);
	expect(await db.owed(31337)).toEqual([]);
});

test('another device that pays under the same number leaves our receipts owed', async () => {
	const before = await paid();
	await owe(1000n);
	const { nonce } = await payer().account();
	const overtaken: RpcRequest = async (call) => {
		const args = [1, 0, 7n, nonce, `0x${'11'.repeat(32)}`, '0x'];
		const data = encodeFunctionData({ abi: settlementAbi as Abi, functionName: 'settle', args });
		await chain.send(address, chain.addresses.settlement, data);
		return await direct(call);
	};
	await expect(settle(db, payer(overtaken), 'private')).rejects.toMatchObject({ code: 'ledger/refused' });
	expect((await db.owed(31337)).length).toBe(1);
	await settle(db, payer(), 'private');
	await expectPaid(before, 1007n, 2n);
});

test('a reorganisation that undoes a payment makes it owed under the same number, and it is paid once', async () => {
	const before = await paid();
	await owe(1000n);
	const snapshot = await direct({ method: 'evm_snapshot' });
	const record = await settle(db, payer(direct, direct, 5), 'private');
	expect(record).toMatchObject({ state: 'settled', final: 0 });
	await direct({ method: 'evm_revert', params: [snapshot] });
	await reconcile(db, payer(direct, direct, 5));
	expect(await db.settlements.toArray()).toMatchObject([{ state: 'prepared' }]);
	const again = await settle(db, payer(direct, direct, 5), 'private');
	expect(again).toMatchObject({ id: record?.id, nonce: record?.nonce, state: 'settled' });
	await expectPaid(before, 1000n, 1n);
	await direct({ method: 'anvil_mine', params: ['0x6'] });
	await reconcile(db, payer(direct, direct, 5));
	expect(await db.settlements.toArray()).toMatchObject([{ final: 1 }]);
});

test('too little money is said before the wallet is asked, and the receipts stay owed', async () => {
	await owe(parseEther('5000'));
	const never: RpcRequest = () => Promise.reject(new Error('must not be asked'));
	await expect(settle(db, payer(never), 'private')).rejects.toMatchObject({ code: 'ledger/deposit-needed' });
	expect((await db.owed(31337)).length).toBe(1);
	await expect(settle(db, payer(never), 'auditable')).rejects.toMatchObject({
		code: 'ledger/deposit-needed'
	});
});

test('offline nothing is lost, and an RPC that hides the payment is not believed', async () => {
	const before = await paid();
	await owe(1000n);
	const offline: RpcRequest = () => Promise.reject(new Error('offline'));
	await expect(settle(db, payer(offline, offline), 'private')).rejects.toThrow('offline');
	expect((await db.owed(31337)).length).toBe(1);
	const lost: RpcRequest = async (call) => {
		await sent(call);
		throw new Error('lost');
	};
	await expect(settle(db, payer(lost), 'private')).rejects.toThrow('lost');
	const hides: RpcRequest = (call) => (call.method === 'eth_getLogs' ? Promise.resolve([]) : direct(call));
	await expect(settle(db, payer(direct, hides), 'private')).rejects.toMatchObject({
		code: 'ledger/inconsistent'
	});
	await settle(db, payer(), 'private');
	await expectPaid(before, 1000n, 1n);
});

test('a transaction that the network dropped is asked for again', async () => {
	const before = await paid();
	await owe(1000n);
	const dropped: RpcRequest = () => Promise.resolve(`0x${'ab'.repeat(32)}` as Hex);
	const first = await settle(db, payer(dropped), 'private');
	expect(first).toMatchObject({ state: 'prepared' });
	expect(await settle(db, payer(), 'private')).toMatchObject({ id: first?.id, state: 'settled' });
	await expectPaid(before, 1000n, 1n);
});
