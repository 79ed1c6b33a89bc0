import { Dexie, type Table } from 'dexie';
import type { Address, Hex } from 'viem';
import type { ReceiptRecord, RegistryRecord, SettlementRecord, SpendingRecord } from './records.ts';

/** Receipts and settlements of this device. */
export class LedgerDb extends Dexie {
	declare receipts: Table<ReceiptRecord, Hex>;
	declare settlements: Table<SettlementRecord, string>;
	declare spending: Table<SpendingRecord, number>;
	declare registry: Table<RegistryRecord, number>;

	constructor(name = 'openledger-ledger') {
		super(name);
		this.version(1).stores({
			receipts: 'id, [chain+time], reply, settlement',
			settlements: 'id, [chain+payer], [chain+payer+final]',
			spending: 'chain',
			registry: 'chain'
		});
	}

	/** What is owed on a chain, the oldest first. */
	async owed(chain: number): Promise<ReceiptRecord[]> {
		const all = await this.receipts
			.where('[chain+time]')
			.between([chain, Dexie.minKey], [chain, Dexie.maxKey])
			.toArray();
		return all.filter(({ settlement, amount, model }) => !settlement && amount > 0n && model > 0);
	}

	/** Settlements that a reorganisation, a wallet or another device can still change. */
	async unfinished(chain: number, payer: Address): Promise<SettlementRecord[]> {
		const all = await this.settlements.where({ chain, payer, final: 0 }).toArray();
		return all.sort((a, b) => a.nonce - b.nonce || a.time - b.time);
	}

	/** Tokens that replies by one model took since a time (milliseconds since the epoch). */
	async tokensSince(chain: number, model: number, since: number): Promise<number> {
		const some = await this.receipts
			.where('[chain+time]')
			.between([chain, since], [chain, Dexie.maxKey])
			.toArray();
		return some
			.filter((record) => record.model === model)
			.reduce((sum, { receipt }) => sum + receipt.tokens.reply, 0);
	}
}

export const db = new LedgerDb();
