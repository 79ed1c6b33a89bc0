import { Dexie, type Table } from 'dexie';
import type { Hex } from 'viem';
import type { AccountRecord, StateChanges } from './state.ts';

export interface LogRecord {
	address: Hex;
	topics: Hex[];
	data: Hex;
}

/** A transaction with all that its receipt says. */
export interface TransactionRecord {
	hash: Hex;
	/** As it was signed (EIP-2718). */
	raw: Hex;
	from: Hex;
	gasUsed: bigint;
	/** Wei for one gas. */
	gasPrice: bigint;
	success: boolean;
	/** The contract it created. */
	created?: Hex;
	logs: LogRecord[];
}

export interface BlockRecord {
	number: number;
	hash: Hex;
	parent: Hex;
	/** Seconds since 1970. */
	time: number;
	/** Commits to the state after the block; no trie root (blocks.ts). */
	stateRoot: Hex;
	transactionsRoot: Hex;
	random: Hex;
	gasUsed: bigint;
	transactions: TransactionRecord[];
	/** Of `transactions`, for the index. */
	hashes: Hex[];
}

interface AccountRow extends AccountRecord {
	address: Hex;
}
interface SlotRow {
	key: Hex;
	value: Hex;
}
interface CodeRow {
	hash: Hex;
	code: Uint8Array;
}

/** What belongs to the sandbox as a whole. Absent: it was never started. */
export interface HeadRecord {
	key: 'head';
	number: number;
	hash: Hex;
	/** Seconds that the sandbox's clock is ahead of this device's. */
	ahead: number;
	/** Private keys of the play-money wallet; the selected account first. */
	keys: Hex[];
}

/** Everything in a sandbox, as it is exported, and as it begins (contracts-abi/sandbox.ts). */
export interface Snapshot {
	blocks: BlockRecord[];
	state: StateChanges;
}

/** Another tab wrote a block since this one looked. */
export class Moved extends Error {}

/** The sandbox on disk. A block, its state and the new head are one IndexedDB transaction: after a crash all of it is there, or none. */
export class ChainDb extends Dexie {
	declare head: Table<HeadRecord, 'head'>;
	declare blocks: Table<BlockRecord, number>;
	declare accounts: Table<AccountRow, Hex>;
	declare slots: Table<SlotRow, Hex>;
	declare codes: Table<CodeRow, Hex>;

	constructor(name = 'openledger-sandbox') {
		super(name);
		this.version(1).stores({
			head: 'key',
			blocks: 'number, hash, *hashes',
			accounts: 'address',
			slots: 'key',
			codes: 'hash'
		});
	}

	/** Every account, slot and code. */
	async state(): Promise<StateChanges> {
		const [accounts, slots, codes] = await Promise.all([
			this.accounts.toArray(),
			this.slots.toArray(),
			this.codes.toArray()
		]);
		return {
			accounts: accounts.map(({ address, ...account }) => [address, account]),
			slots: slots.map(({ key, value }) => [key, value]),
			codes: codes.map(({ hash, code }) => [hash, code])
		};
	}

	/** Appends one block. Throws `Moved` unless it continues the stored head. */
	async append(block: BlockRecord, changes: StateChanges): Promise<void> {
		await this.transaction('rw', this.tables, async () => {
			const head = await this.head.get('head');
			if (head?.hash !== block.parent) throw new Moved(`the head is ${head?.hash}`);
			await this.#apply(changes);
			await this.blocks.add(block);
			await this.head.put({ ...head, number: block.number, hash: block.hash });
		});
	}

	/** Puts a whole sandbox in place of what is there, or nothing when that fails. */
	async replace(snapshot: Snapshot, head: Omit<HeadRecord, 'key' | 'number' | 'hash'>): Promise<void> {
		const last = snapshot.blocks.at(-1);
		if (!last) throw new RangeError('a sandbox has at least one block');
		await this.transaction('rw', this.tables, async () => {
			await Promise.all(this.tables.map((table) => table.clear()));
			await this.blocks.bulkPut(snapshot.blocks);
			await this.#apply(snapshot.state);
			await this.head.put({ ...head, key: 'head', number: last.number, hash: last.hash });
		});
	}

	async #apply({ accounts, slots, codes }: StateChanges): Promise<void> {
		const gone = <T>(rows: [Hex, T | undefined][]) =>
			rows.flatMap(([key, value]) => (value === undefined ? [key] : []));
		await Promise.all([
			this.accounts.bulkPut(
				accounts.flatMap(([address, account]) => (account ? [{ address, ...account }] : []))
			),
			this.accounts.bulkDelete(gone(accounts)),
			this.slots.bulkPut(slots.flatMap(([key, value]) => (value ? [{ key, value }] : []))),
			this.slots.bulkDelete(gone(slots)),
			this.codes.bulkPut(codes.map(([hash, code]) => ({ hash, code })))
		]);
	}
}
