import type { Address, Hex } from 'viem';
import type { ModelRecord } from '#workers/ledger/book.ts';
import type { Receipt, Transcript } from '#workers/attribution/receipts/receipt.ts';

/** A reply's receipt as this device keeps it. Nothing of it leaves the device but what a settlement commits to. */
export interface ReceiptRecord {
	/** The receipt's own identity. */
	id: Hex;
	/** Chain it is owed on. Receipts of the sandbox are never settled anywhere else. */
	chain: number;
	/** Root of the attribution index that the model is registered with; zero where with none. Absent in records of earlier versions. */
	index?: Hex;
	/** Registered model that is paid; 0 where the adapter is not registered on this chain. */
	model: number;
	/** Contributor id of who served it, 0 for this device. */
	host: number;
	/** Wei. 0 within the free allowance. */
	amount: bigint;
	/** Milliseconds since the epoch. */
	time: number;
	/** The chat message it belongs to. */
	reply: string;
	/** Empty where a program asked for it. */
	conversation: string;
	/** The adapter's name as it was then. */
	adapter: string;
	receipt: Receipt;
	transcript: Transcript;
	/** The settlement it is in; absent while it is owed. */
	settlement?: string;
}

/** `auditable`: contributors are paid by the weights; locks a multiple of the amount. `private`: by static units. */
export type SettlementMode = 'private' | 'auditable';

/** One `settle` call: everything owed to one model and host. */
export interface BatchRecord {
	model: number;
	host: number;
	amount: bigint;
	/** The payer's batch number that it carries. */
	nonce: number;
	transcripts: Hex;
	/** '0x' for a private batch. */
	leaves: Hex;
	receipts: Hex[];
}

/**
 * A transaction that pays for a tab. It is written down before the wallet is asked and never changed after: whatever
 * happens, at most one settlement with its first number can land, and the chain's log says which.
 */
export interface SettlementRecord {
	id: string;
	chain: number;
	payer: Address;
	/** Number of its first batch. */
	nonce: number;
	batches: BatchRecord[];
	amount: bigint;
	mode: SettlementMode;
	/** Milliseconds since the epoch. */
	time: number;
	/** Block at which it was written down: it cannot have landed before. */
	since: number;
	/**
	 * `prepared`: the wallet may or may not have sent it. `sent`: it has a hash. `settled`: its log is on the chain.
	 * `void`: it did not land; its receipts are owed again.
	 */
	state: 'prepared' | 'sent' | 'settled' | 'void';
	hash?: Hex;
	/** Where it landed. */
	block?: number;
	/** Id of its first batch on the chain. */
	batch?: number;
	/** 1 once no reorganisation can change it any more. */
	final: 0 | 1;
	/** Why it is void, for a person. */
	reason?: string;
}

/** Of a registered model: what it is known by, and what it costs. */
export type RegisteredModel = Pick<
	ModelRecord,
	'id' | 'hash' | 'manifest' | 'index' | 'price' | 'allowance' | 'status'
>;

/** What the books last said of a chain, so that a reply need not wait for them. */
export interface RegistryRecord {
	chain: number;
	account: Address;
	/** Wei that the account can spend. */
	free: bigint;
	/** `index`: root of the attribution index that it is registered with; zero where with none. */
	models: RegisteredModel[];
	/** Milliseconds since the epoch. */
	time: number;
}

/** What a person has chosen about paying on one chain. Wei. */
export interface SpendingRecord {
	chain: number;
	/** More than this is never owed before a settlement. */
	limit: bigint;
	/** Settling is offered by itself from here on; 0: never. */
	threshold: bigint;
	mode: SettlementMode;
	/** What was owed when settling was last offered by itself and declined. */
	declinedAt: bigint;
}
