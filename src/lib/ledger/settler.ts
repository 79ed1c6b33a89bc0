import { OpenLedgerError } from '#workers/errors.ts';
import { inconsistent } from '#workers/ledger/book.ts';
import { composeBatches, settlementData } from './compose.ts';
import type { LedgerDb } from './db.ts';
import type { Landed, Payer } from './payer.ts';
import type { SettlementMode, SettlementRecord } from './records.ts';

/**
 * Settling, exactly once. The core takes each number of a payer once; what is here makes sure that a receipt is in one
 * settlement of one number at a time, written down before the wallet is asked. So a crash, a second tab, a wallet that
 * answers late, a reorganisation or a lost connection can delay a payment and never make it twice.
 */

/** Between two looks for a transaction, and how many before it is left to the next reconciliation. */
const LOOK_EVERY = 1000;
const LOOKS = 60;

const lockName = ({ chain, address }: Payer) => `openledger-settle-${chain.id}-${address.toLowerCase()}`;

/** One tab at a time settles for a payer. */
async function exclusively<T>(payer: Payer, work: () => Promise<T>): Promise<T> {
	const locks = globalThis.navigator?.locks;
	return locks ? ((await locks.request(lockName(payer), work)) as T) : await work();
}

/**
 * Settles what is owed. What an earlier call left unfinished comes first: it is asked for again as it was. Returns the
 * settlement, `settled` or, where the network is slow, `sent`; undefined when nothing is owed.
 * @throws OpenLedgerError `ledger/declined`, `ledger/deposit-needed`, `ledger/refused`, `ledger/inconsistent`, …
 */
export function settle(
	db: LedgerDb,
	payer: Payer,
	mode: SettlementMode
): Promise<SettlementRecord | undefined> {
	return exclusively(payer, async () => {
		await bringUpToDate(db, payer);
		const [unfinished] = (await db.unfinished(payer.chain.id, payer.address)).filter(
			({ state }) => state === 'prepared' || state === 'sent'
		);
		const record = unfinished ?? (await prepare(db, payer, mode));
		if (!record) return undefined;
		if (record.state === 'prepared') await ask(db, payer, record);
		await follow(db, payer, record.id);
		return await db.settlements.get(record.id);
	});
}

/** Compares what is written down with the chain: after a start, a reconnection, a new block. */
export function reconcile(db: LedgerDb, payer: Payer): Promise<void> {
	return exclusively(payer, () => bringUpToDate(db, payer));
}

/** Gives up a settlement that the wallet never sent, as far as we know. Should it land after all, it counts. */
export function giveUp(db: LedgerDb, payer: Payer, id: string): Promise<void> {
	return exclusively(payer, async () => {
		await bringUpToDate(db, payer);
		const record = await db.settlements.get(id);
		if (record?.state === 'prepared') await revoke(db, record, 'You gave it up.');
	});
}

async function prepare(
	db: LedgerDb,
	payer: Payer,
	mode: SettlementMode
): Promise<SettlementRecord | undefined> {
	const { nonce } = await payer.account();
	const since = Math.max(0, (await payer.height()) - payer.chain.depth);
	return await db.transaction('rw', db.receipts, db.settlements, async () => {
		const batches = composeBatches(await db.owed(payer.chain.id), mode, nonce);
		if (batches.length === 0) return undefined;
		const record: SettlementRecord = {
			id: crypto.randomUUID(),
			chain: payer.chain.id,
			payer: payer.address,
			nonce,
			batches,
			amount: batches.reduce((sum, { amount }) => sum + amount, 0n),
			mode,
			time: Date.now(),
			since,
			state: 'prepared',
			final: 0
		};
		await db.settlements.add(record);
		await assign(db, record);
		return record;
	});
}

async function ask(db: LedgerDb, payer: Payer, record: SettlementRecord): Promise<void> {
	const data = settlementData(record.batches);
	try {
		await payer.rehearse(data);
		const hash = await payer.send(data);
		await db.settlements.update(record.id, { state: 'sent', hash });
	} catch (error) {
		// The person said no, or the core would: then it was not sent. After any other failure it may have been.
		const certain =
			error instanceof OpenLedgerError &&
			['ledger/declined', 'ledger/deposit-needed', 'ledger/refused'].includes(error.code);
		if (certain) await revoke(db, record, error.message);
		throw error;
	}
}

/** Looks until the transaction is on the chain; a slow one is left to the next reconciliation. */
async function follow(db: LedgerDb, payer: Payer, id: string): Promise<void> {
	for (let look = 0; look < LOOKS; look++) {
		await bringUpToDate(db, payer);
		const record = await db.settlements.get(id);
		if (record?.state !== 'sent') break;
		await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
	}
	const record = await db.settlements.get(id);
	if (record?.state === 'void')
		throw new OpenLedgerError('ledger/refused', record.reason ?? 'The payment did not take place.', {
			remedy: 'The receipts are owed again; try once more.'
		});
}

async function bringUpToDate(db: LedgerDb, payer: Payer): Promise<void> {
	const records = await db.unfinished(payer.chain.id, payer.address);
	if (records.length === 0) return;
	const { nonce: next } = await payer.account();
	// After the number: the block that used it is not above this height.
	const height = await payer.height();
	for (const record of records)
		if (record.nonce < next) await judge(db, payer, record, height);
		else await waitFor(db, payer, record);
	// A settlement that was given up and landed all the same takes its receipts back from the one that came after.
	for (const { id, nonce } of records) {
		const record = await db.settlements.get(id);
		if (record?.state === 'settled' && nonce < next) await assign(db, record);
	}
}

/** The number has been used: by this settlement, or by another one. */
async function judge(db: LedgerDb, payer: Payer, record: SettlementRecord, height: number): Promise<void> {
	const landed = await payer.landed(record.nonce, record.since);
	if (!landed) {
		if (record.state === 'void') return;
		throw inconsistent(`payment ${record.nonce} has taken place and cannot be found`);
	}
	const final = height - landed.block >= payer.chain.depth ? 1 : 0;
	if (isIt(record, landed)) {
		const { block, id, transaction } = landed;
		const place = {
			state: 'settled',
			block,
			batch: id,
			hash: transaction,
			final,
			reason: undefined
		} as const;
		await db.settlements.update(record.id, place);
	} else {
		if (record.state !== 'void')
			await revoke(db, record, 'Another device or tab paid under the same number first.');
		await db.settlements.update(record.id, { final });
	}
}

function isIt({ batches }: SettlementRecord, { transcripts }: Landed): boolean {
	return batches[0]?.transcripts === transcripts;
}

/** The number has not been used. */
async function waitFor(db: LedgerDb, payer: Payer, record: SettlementRecord): Promise<void> {
	if (record.state === 'settled')
		// The chain was reorganised: it is asked for again, under the same number.
		await db.settlements.update(record.id, {
			state: 'prepared',
			hash: undefined,
			block: undefined,
			batch: undefined
		});
	if (record.state !== 'sent' || !record.hash) return;
	const fate = await payer.transaction(record.hash);
	if (fate === 'reverted') await revoke(db, record, 'The transaction failed on the chain.');
	if (fate === 'unknown') await db.settlements.update(record.id, { state: 'prepared' });
}

async function revoke(db: LedgerDb, record: SettlementRecord, reason: string): Promise<void> {
	await db.transaction('rw', db.receipts, db.settlements, async () => {
		await db.settlements.update(record.id, { state: 'void', reason });
		await db.receipts.where({ settlement: record.id }).modify((receipt) => void delete receipt.settlement);
	});
}

async function assign(db: LedgerDb, { id, batches }: SettlementRecord): Promise<void> {
	const receipts = batches.flatMap((batch) => batch.receipts);
	await db.receipts.where('id').anyOf(receipts).modify({ settlement: id });
}
