import { bytesToHex, encodeFunctionData, toHex, zeroHash, type Abi, type Hex } from 'viem';
import { OpenLedgerError } from '#workers/errors.ts';
import { recordOf } from '#workers/attribution/receipts/receipt.ts';
import { encodeEntries } from '#workers/attribution/receipts/shares.ts';
import type { BatchProof } from '#workers/ledger/proving.ts';
import { readBlock } from '#workers/ledger/rpc.ts';
import { auditAbi } from '../../../contracts-abi/abi/Audit.ts';
import { committedOf, pathOf } from './compose.ts';
import type { LedgerDb } from './db.ts';
import { read, type Network, type TitledCall } from './network.ts';
import type { BatchRecord } from './records.ts';

/** Seconds of an audit epoch, and after its end until when a drawn payment can be opened (contracts/src/audit/Draws.sol). */
const EPOCH = 8 * 86_400;
const REVEAL_UNTIL = 3 * 86_400;

/** A payment of this device that was drawn for an audit and is not opened yet: unopened it costs its payer the penalty. */
export interface Drawn {
	/** Its number on the chain. */
	batch: number;
	/** Wei. */
	amount: bigint;
	/** Until when it can be opened. Seconds since the epoch. */
	until: number;
	/** What opening it shows: every reply's weights, and one reply's query and rows; no words. */
	batchRecord: BatchRecord;
	proof: BatchProof;
}

/**
 * The drawn payments of the account that can be opened now.
 * @param prove what the books say of a batch (LedgerService.proof)
 * @param now the chain's clock. Seconds since the epoch
 */
export async function readDrawn(
	db: LedgerDb,
	network: Network,
	prove: (batch: number) => Promise<BatchProof | undefined>,
	now: number
): Promise<Drawn[]> {
	const { account, chain, request } = network;
	if (!account) return [];
	const at = { address: chain.addresses.audit, abi: auditAbi } as const;
	const settled = await db.settlements
		.where('[chain+payer]')
		.equals([chain.id, account])
		.filter(({ state, mode }) => state === 'settled' && mode === 'auditable')
		.toArray();
	const drawn: Drawn[] = [];
	const seeds = new Map<number, Hex>();
	for (const { block, batch: first, batches } of settled) {
		const time = block === undefined ? undefined : (await readBlock(request, block))?.time;
		if (time === undefined || first === undefined) continue;
		const epoch = Math.floor(time / EPOCH);
		const end = (epoch + 1) * EPOCH;
		if (now < end || now >= end + REVEAL_UNTIL) continue;
		let seed = seeds.get(epoch);
		if (!seed) {
			[, , seed] = await read(request, { ...at, functionName: 'draws', args: [BigInt(epoch)] });
			seeds.set(epoch, seed);
		}
		if (seed === zeroHash) continue;
		for (const [i, batchRecord] of batches.entries()) {
			const batch = first + i;
			const id = BigInt(batch);
			if ((await read(request, { ...at, functionName: 'opened', args: [id] })) !== zeroHash) continue;
			const proof = await prove(batch);
			if (!proof) continue;
			if (!(await read(request, { ...at, functionName: 'isDrawn', args: [id, proof.batch] }))) continue;
			drawn.push({ batch, amount: batchRecord.amount, until: end + REVEAL_UNTIL, batchRecord, proof });
		}
	}
	return drawn;
}

/** The call that opens a drawn payment. Throws `ledger/refused` where its receipts are not on this device any more. */
export async function revealCall(db: LedgerDb, network: Network, drawn: Drawn): Promise<TitledCall> {
	const { chain, request } = network;
	const { batch, batchRecord, proof } = drawn;
	const found = await db.receipts.bulkGet(batchRecord.receipts);
	const records = found.flatMap((record) => record ?? []);
	if (records.length !== batchRecord.receipts.length)
		throw new OpenLedgerError('ledger/refused', `Not all receipts of payment ${batch} are on this device.`, {
			remedy: 'Open the app on the device and in the browser that paid, or put its stored data back.'
		});
	const at = { address: chain.addresses.audit, abi: auditAbi } as const;
	const args = [BigInt(batch), proof.batch, BigInt(records.length)] as const;
	const index = Number(await read(request, { ...at, functionName: 'drawnRecord', args }));
	const opened = records[index];
	if (!opened) throw new Error(`payment ${batch} has no record ${index}`);
	const committed = committedOf(records);
	const { query, entries } = opened.transcript;
	const opening = {
		lists: committed.lists,
		recordsRoot: committed.tree.at(-1)?.[0] ?? zeroHash,
		count: records.length,
		record: recordOf(opened.receipt),
		path: pathOf(committed, index),
		query: toHex(new Uint8Array(query.buffer, query.byteOffset, query.length)),
		entries: bytesToHex(encodeEntries(entries))
	};
	const data = encodeFunctionData({
		abi: auditAbi as Abi,
		functionName: 'reveal',
		args: [proof.place, proof.batch, opening, '0x']
	});
	return {
		title: 'Open a payment for its audit',
		id: `reveal ${chain.id} ${batch}`,
		to: chain.addresses.audit,
		data
	};
}
