import { hexToBytes, bytesToHex, type Hex } from 'viem';
import type { BlockRecord, Snapshot } from './store.ts';
import type { AccountRecord } from './state.ts';

/** What a sandbox begins with. */
export interface Genesis {
	/** Hash of its last block: other contracts give another. */
	hash: Hex;
	load(): Promise<Snapshot>;
}

type Json<T> = T extends bigint
	? string
	: T extends (infer U)[]
		? Json<U>[]
		: T extends object
			? { [K in keyof T]: Json<T[K]> }
			: T;

/** contracts-abi/sandbox.ts: a snapshot with wei and gas in decimal strings and code in hex. */
export interface SnapshotFile {
	blocks: Json<BlockRecord>[];
	accounts: [address: Hex, account: Json<AccountRecord>][];
	slots: [key: Hex, value: Hex][];
	codes: [hash: Hex, code: Hex][];
}

export function toFile({ blocks, state }: Snapshot): SnapshotFile {
	return {
		blocks: blocks.map((block) => ({
			...block,
			gasUsed: `${block.gasUsed}`,
			transactions: block.transactions.map((tx) => ({
				...tx,
				gasUsed: `${tx.gasUsed}`,
				gasPrice: `${tx.gasPrice}`
			}))
		})),
		accounts: state.accounts.flatMap(([address, account]) =>
			account
				? [[address, { ...account, nonce: `${account.nonce}`, balance: `${account.balance}` }] as const]
				: []
		) as SnapshotFile['accounts'],
		slots: state.slots.flatMap(([key, value]) => (value ? [[key, value] as [Hex, Hex]] : [])),
		codes: state.codes.map(([hash, code]) => [hash, bytesToHex(code)])
	};
}

export function fromFile({ blocks, accounts, slots, codes }: SnapshotFile): Snapshot {
	return {
		blocks: blocks.map((block) => ({
			...block,
			gasUsed: BigInt(block.gasUsed),
			transactions: block.transactions.map((tx) => ({
				...tx,
				gasUsed: BigInt(tx.gasUsed),
				gasPrice: BigInt(tx.gasPrice)
			}))
		})),
		state: {
			accounts: accounts.map(([address, account]) => [
				address,
				{ ...account, nonce: BigInt(account.nonce), balance: BigInt(account.balance) }
			]),
			slots,
			codes: codes.map(([hash, code]) => [hash, hexToBytes(code)])
		}
	};
}
