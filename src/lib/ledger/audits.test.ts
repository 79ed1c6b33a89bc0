import 'fake-indexeddb/auto';
import { parseEther, type Abi, type Address } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditAbi } from '../../../contracts-abi/abi/Audit.ts';
import { rulesAbi } from '../../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { launchRules } from '../../../contracts/deploy/params.ts';
import { populate, someone, startLocalChain, type LocalChain } from '../../../contracts/tools/local.ts';
import { makeReceipt } from '#workers/attribution/receipts/receipt.ts';
import { newSalt } from '#workers/attribution/receipts/salt.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { LedgerService, type ChainSource } from '#workers/ledger/service.ts';
import { BookStore } from '#workers/ledger/store.ts';
import { readDrawn, revealCall } from './audits.ts';
import { LedgerDb } from './db.ts';
import type { Network } from './network.ts';
import { payerOver } from './payer.ts';
import { settle } from './settler.ts';

const EPOCH = 8 * 86_400;
const payer = someone('payer');
const db = new LedgerDb('audits');
let chain: LocalChain;
let source: ChainSource;
const service = new LedgerService(new BookStore('books of audits'));

const direct: RpcRequest = ({ method, params }) => chain.publicClient.request({ method, params } as never);
const now = async () => Number((await chain.publicClient.getBlock()).timestamp);

beforeAll(async () => {
	chain = await startLocalChain();
	await populate(chain, 20);
	await chain.fund(payer, parseEther('1000'));
	source = { id: 31337, addresses: chain.addresses, fromBlock: 0, depth: 0, rpc: direct };
	// Every payment is drawn: the timelock says so.
	const rules = { ...launchRules, drawRate: 10_000 };
	const { timelock } = chain.addresses;
	await direct({ method: 'anvil_setBalance', params: [timelock, '0x56bc75e2d63100000'] });
	await chain.write(timelock, chain.addresses.rules, rulesAbi as Abi, 'set', [rules]);
	await chain.pass(86_401);
	await chain.write(payer, chain.addresses.settlement, settlementAbi as Abi, 'syncRules');
	// At the beginning of an epoch, so that everything below lies in it.
	await chain.pass(EPOCH - ((await now()) % EPOCH) + 60);
}, 60_000);
afterAll(() => chain.stop());

async function owe(serial: number, model: number): Promise<void> {
	const transcript = {
		salt: newSalt(),
		prompt: [1, 2, 3],
		reply: Array.from({ length: 50 + serial }, (_, i) => i),
		query: new Int8Array(32).fill(serial - 3),
		entries: [
			{ contributor: 3, row: 0, score: 700 + serial },
			{ contributor: 9, row: 4, score: 300 }
		]
	};
	const hash = (text: string) => text.padEnd(64, '0');
	const facts = { base: hash('aa'), adapter: { config: hash('bb'), weights: hash('cc') }, index: null };
	const rest = {
		unmeasured: null,
		lift: 0,
		support: 0,
		unattributed: 1000,
		host: 0,
		price: '1',
		time: serial
	};
	const receipt = makeReceipt({ ...facts, ...rest }, transcript);
	const words = { reply: `${serial}`, conversation: 'c', adapter: 'A', receipt, transcript };
	const amount = parseEther('0.1');
	await db.receipts.add({ id: receipt.id, chain: 31337, model, host: 0, amount, time: serial, ...words });
}

const network = (): Network => ({
	chain: source,
	name: 'anvil',
	play: true,
	account: payer,
	request: direct,
	wallet: direct,
	send: () => Promise.reject(new Error('nothing is sent here'))
});
const drawn = async () =>
	readDrawn(db, network(), (batch) => service.proof('proof', source, batch), await now());
const opened = (batch: number) =>
	chain.publicClient.readContract({
		address: chain.addresses.audit,
		abi: auditAbi,
		functionName: 'opened',
		args: [BigInt(batch)]
	});

test('a drawn payment is opened with its receipts before its time is over, also from behind a final root', async () => {
	const poster = someone('poster');
	await chain.fund(poster, parseEther('1000'));
	const from = (address: Address) => payerOver(source, address, direct, direct);
	for (let i = 0; i < 5; i++) await owe(i, i < 3 ? 2 : 1);
	// Two batches in one transaction, of three records and of two; and a private one that nobody ever opens.
	const record = await settle(db, from(payer), 'auditable');
	expect(record?.batches.map(({ receipts }) => receipts.length)).toEqual([3, 2]);
	await owe(9, 2);
	await settle(db, from(payer), 'private');
	expect(await drawn()).toEqual([]);

	await service.sync('sync', source, await now());
	const posting = await service.posting('post', source, 0);
	if (!posting) throw new Error('nothing to post');
	const { settlement, audit } = chain.addresses;
	await chain.write(poster, settlement, settlementAbi as Abi, 'mark');
	const args = [BigInt(posting.parent), 0, posting.batches, posting.roots];
	await chain.write(poster, settlement, settlementAbi as Abi, 'post', args);
	await chain.pass(launchRules.window);
	await chain.write(poster, settlement, settlementAbi as Abi, 'finalise', [1n]);
	const epoch = BigInt(Math.floor((await now()) / EPOCH));
	await chain.pass(EPOCH - ((await now()) % EPOCH) + 60);
	await chain.write(poster, audit, auditAbi as Abi, 'close', [epoch]);
	expect(await drawn()).toEqual([]);
	for (let i = 0; i < 6; i++) await direct({ method: 'evm_mine' });
	await chain.write(poster, audit, auditAbi as Abi, 'seed', [epoch]);

	await service.sync('sync', source, await now());
	expect(await service.proof('none', source, 99)).toBeUndefined();
	const found = await drawn();
	expect(found.map(({ batch, amount }) => [batch, amount])).toEqual([
		[1, parseEther('0.3')],
		[2, parseEther('0.2')]
	]);
	for (const one of found) {
		const { to, data } = await revealCall(db, network(), one);
		await chain.send(payer, to, data);
		expect(BigInt(await opened(one.batch))).not.toBe(0n);
	}
	expect(await drawn()).toEqual([]);
	// What was opened cannot be forfeited when the time is over.
	await chain.pass(3 * 86_400);
	const { place, batch } = found[0]?.proof ?? {};
	await expect(chain.write(poster, audit, auditAbi as Abi, 'forfeit', [place, batch])).rejects.toThrow();
});

test('receipts that are gone are said to be gone', async () => {
	const record = await db.settlements.where({ chain: 31337 }).first();
	const [batchRecord] = record?.batches ?? [];
	if (!batchRecord) throw new Error('no batch');
	const proof = await service.proof('proof', source, 1);
	if (!proof) throw new Error('no proof');
	await db.receipts.delete(batchRecord.receipts[0] ?? '0x');
	await expect(
		revealCall(db, network(), { batch: 1, amount: 0n, until: 0, batchRecord, proof })
	).rejects.toMatchObject({ code: 'ledger/refused' });
});
