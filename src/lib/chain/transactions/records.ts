import Dexie, { type Table } from 'dexie';
import type { Address, Hex } from 'viem';
import type { ErrorCode } from '#workers/errors.ts';

/** One call that a person agreed to. */
export interface Call {
	to: Address;
	data: Hex;
	/** Wei. */
	value?: bigint;
}

/**
 * prepared → asked → sent → seen → confirmed, or an end that says why not:
 * `prepared` was checked against the chain; `asked` waits for the person in the wallet; `sent` has a hash; `seen` is in a block;
 * `confirmed` lies deep enough. `refused`: not signed. `unknown`: the tab ended while the wallet was asking, and nothing
 * on the chain tells what came of it.
 */
export type TransactionState =
	| 'prepared'
	| 'asked'
	| 'sent'
	| 'seen'
	| 'confirmed'
	| 'refused'
	| 'replaced'
	| 'dropped'
	| 'reverted'
	| 'unknown';

export const ends: readonly TransactionState[] = [
	'confirmed',
	'refused',
	'replaced',
	'dropped',
	'reverted',
	'unknown'
];

export interface TransactionRecord {
	/** What it is for, so that the same thing is not sent twice: `deposit 7c1f…`. */
	id: string;
	/** In words, for the person: “Deposit 5 OPEN”. */
	title: string;
	network: number;
	from: Address;
	call: Call;
	state: TransactionState;
	/** The account's number for it, and the block that was newest when it was asked for: where to look for it after a crash. */
	nonce: number;
	since: number;
	hash?: Hex;
	/** Ran among others that the wallet put together: its call is not a transaction's own. */
	bundled?: true;
	/** Block it is in. */
	block?: number;
	blockHash?: Hex;
	gasUsed?: bigint;
	/** Why it ended otherwise than confirmed. */
	error?: { code: ErrorCode; message: string; remedy: string };
	/** Milliseconds since 1970. */
	created: number;
	updated: number;
	/** When the node last did not know it; unset while it does. */
	missing?: number;
}

class TransactionDb extends Dexie {
	declare transactions: Table<TransactionRecord, string>;

	constructor() {
		super('openledger-transactions');
		this.version(1).stores({ transactions: 'id, state, created' });
	}
}

export const db = new TransactionDb();
