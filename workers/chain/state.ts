import type { StateManagerInterface } from '@ethereumjs/common';
import { Account, bytesToHex, hexToBytes, type Address, type PrefixedHexString } from '@ethereumjs/util';
import { keccak256, type Hex } from 'viem';

export interface AccountRecord {
	nonce: bigint;
	/** Wei. */
	balance: bigint;
	/** keccak256 of the code. */
	code: Hex;
}

/** What a block changed: the values after it, `undefined` where nothing is left. */
export interface StateChanges {
	accounts: [address: Hex, account: AccountRecord | undefined][];
	/** Slot keys are the address and the slot's 32 bytes, run together. */
	slots: [key: Hex, value: Hex | undefined][];
	codes: [hash: Hex, code: Uint8Array][];
}

const NOTHING = new Uint8Array(0);
const NO_CODE = keccak256('0x');

/**
 * The chain's state as flat maps with an undo log: no trie, since nobody asks this chain for proofs. EthereumJS's own flat manager
 * copies every map at each call; its trie hashes each slot.
 */
export class FlatState implements StateManagerInterface {
	readonly #accounts = new Map<Hex, AccountRecord>();
	readonly #slots = new Map<Hex, Hex>();
	readonly #codes = new Map<Hex, Uint8Array>([[NO_CODE, NOTHING]]);
	/** Newest last; each puts one value back. */
	#undo: (() => void)[] = [];
	readonly #marks: number[] = [];
	#changed = { accounts: new Set<Hex>(), slots: new Set<Hex>(), codes: new Set<Hex>() };
	#originals = new Map<Hex, Uint8Array>();

	/** Value of a slot before the transaction: EIP-2200 prices a write by it. */
	readonly originalStorageCache = {
		get: async (address: Address, slot: Uint8Array): Promise<Uint8Array> => {
			const key = slotKey(address, slot);
			let value = this.#originals.get(key);
			if (!value) this.#originals.set(key, (value = this.#slot(key)));
			return value;
		},
		clear: () => void this.#originals.clear()
	};

	/** Puts everything in place, without a trace in the undo log or among the changes. */
	load(changes: StateChanges): void {
		for (const [address, account] of changes.accounts) set(this.#accounts, address, account);
		for (const [key, value] of changes.slots) set(this.#slots, key, value);
		for (const [hash, code] of changes.codes) this.#codes.set(hash, code);
	}

	/** What changed since the last call. */
	takeChanges(): StateChanges {
		const { accounts, slots, codes } = this.#changed;
		this.#changed = { accounts: new Set(), slots: new Set(), codes: new Set() };
		return {
			accounts: [...accounts].sort().map((address) => [address, this.#accounts.get(address)]),
			slots: [...slots].sort().map((key) => [key, this.#slots.get(key)]),
			codes: [...codes].sort().map((hash) => [hash, this.#codes.get(hash) ?? NOTHING])
		};
	}

	// ---- accounts

	async getAccount(address: Address): Promise<Account | undefined> {
		const record = this.#accounts.get(address.toString());
		return record && new Account(record.nonce, record.balance, undefined, hexToBytes(record.code));
	}

	async putAccount(address: Address, account?: Account): Promise<void> {
		const record = account && {
			nonce: account.nonce,
			balance: account.balance,
			code: bytesToHex(account.codeHash)
		};
		this.#put(this.#accounts, this.#changed.accounts, address.toString(), record);
	}

	async deleteAccount(address: Address): Promise<void> {
		this.#put(this.#accounts, this.#changed.accounts, address.toString(), undefined);
		await this.clearStorage(address);
	}

	async modifyAccountFields(
		address: Address,
		fields: Partial<Pick<Account, 'nonce' | 'balance' | 'codeHash'>>
	): Promise<void> {
		const account = (await this.getAccount(address)) ?? new Account();
		if (fields.nonce !== undefined) account.nonce = fields.nonce;
		if (fields.balance !== undefined) account.balance = fields.balance;
		if (fields.codeHash !== undefined) account.codeHash = fields.codeHash;
		await this.putAccount(address, account);
	}

	// ---- code

	async putCode(address: Address, code: Uint8Array): Promise<void> {
		const hash = keccak256(code);
		// Never taken back: code is found by its hash alone.
		this.#codes.set(hash, code);
		this.#changed.codes.add(hash);
		await this.modifyAccountFields(address, { codeHash: hexToBytes(hash) });
	}

	async getCode(address: Address): Promise<Uint8Array> {
		return this.#codes.get(this.#accounts.get(address.toString())?.code ?? NO_CODE) ?? NOTHING;
	}

	async getCodeSize(address: Address): Promise<number> {
		return (await this.getCode(address)).length;
	}

	// ---- storage

	async getStorage(address: Address, slot: Uint8Array): Promise<Uint8Array> {
		return this.#slot(slotKey(address, slot));
	}

	async putStorage(address: Address, slot: Uint8Array, value: Uint8Array): Promise<void> {
		let zeros = 0;
		while (zeros < value.length && value[zeros] === 0) zeros++;
		const kept = zeros < value.length ? bytesToHex(value.subarray(zeros)) : undefined;
		this.#put(this.#slots, this.#changed.slots, slotKey(address, slot), kept);
	}

	/** Only creation and self-destruction ask for it, at addresses that hold nothing as a rule. */
	async clearStorage(address: Address): Promise<void> {
		const prefix = address.toString();
		for (const key of [...this.#slots.keys()])
			if (key.startsWith(prefix)) this.#put(this.#slots, this.#changed.slots, key, undefined);
	}

	// ---- checkpoints

	async checkpoint(): Promise<void> {
		this.#marks.push(this.#undo.length);
	}

	async commit(): Promise<void> {
		this.#marks.pop();
		if (this.#marks.length === 0) this.#undo = [];
	}

	async revert(): Promise<void> {
		const mark = this.#marks.pop() ?? 0;
		for (const undo of this.#undo.splice(mark).reverse()) undo();
	}

	// ---- what a chain without proofs does not need

	clearCaches(): void {
		this.#originals.clear();
	}

	getStateRoot(): never {
		throw new Error('the sandbox keeps no state trie');
	}

	setStateRoot(): never {
		throw new Error('the sandbox keeps no state trie');
	}

	hasStateRoot(): never {
		throw new Error('the sandbox keeps no state trie');
	}

	shallowCopy(): never {
		throw new Error('the sandbox runs everything on one state, between checkpoints');
	}

	#slot(key: Hex): Uint8Array {
		const value = this.#slots.get(key);
		return value ? hexToBytes(value) : NOTHING;
	}

	#put<T>(map: Map<Hex, T>, changed: Set<Hex>, key: Hex, value: T | undefined): void {
		const before = map.get(key);
		if (this.#marks.length) this.#undo.push(() => set(map, key, before));
		set(map, key, value);
		changed.add(key);
	}
}

function set<T>(map: Map<Hex, T>, key: Hex, value: T | undefined): void {
	if (value === undefined) map.delete(key);
	else map.set(key, value);
}

function slotKey(address: Address, slot: Uint8Array): Hex {
	const hex: PrefixedHexString = bytesToHex(slot);
	return `${address.toString()}${hex.slice(2)}`;
}
