import { getAddress, isAddress, type Address } from 'viem';

/** What a wallet agreed to, and the key to talk with it. Kept so that a reload changes nothing. */
export interface Agreement {
	topic: string;
	key: string;
	/** Seconds since 1970 at which it ends. */
	expiry: number;
	wallet: string;
	/** Accounts by chain id, the one in use first. */
	accounts: [chain: number, accounts: Address[]][];
	methods: string[];
	/** The chain in use; one of `accounts`. */
	chain: number;
	/** The wallet's last question of each kind: what a relay repeats or delays is not believed. */
	last: Record<string, string>;
}

/** Longest time that a wallet may bind itself for, in seconds: thirty days. */
const LONGEST = 30 * 86_400;
const MOST = 100;

type Shown = Pick<Agreement, 'accounts' | 'methods'>;

/** Accounts and methods of `namespaces` (CAIP-2, CAIP-10); undefined where they name no account of an Ethereum chain. */
export function readNamespaces(namespaces: unknown): Shown | undefined {
	const { accounts, methods } = record(record(namespaces)['eip155']);
	if (!Array.isArray(accounts) || !Array.isArray(methods)) return undefined;
	const byChain = new Map<number, Address[]>();
	for (const text of accounts.slice(0, MOST)) {
		const account = readAccount(text);
		if (!account) continue;
		const list = byChain.get(account.chain) ?? [];
		if (!list.includes(account.address)) byChain.set(account.chain, [...list, account.address]);
	}
	if (byChain.size === 0) return undefined;
	return {
		accounts: [...byChain],
		methods: methods.filter((method) => typeof method === 'string').slice(0, MOST)
	};
}

/** `eip155:1:0xab…` (CAIP-10). */
export function readAccount(text: unknown): { chain: number; address: Address } | undefined {
	const [, digits, address] =
		(typeof text === 'string' && /^eip155:(\d{1,15}):(0x[\da-fA-F]{40})$/.exec(text)) || [];
	// Checksums are the wallet's own affair: some send them, some not.
	return digits && address && isAddress(address, { strict: false })
		? { chain: Number(digits), address: getAddress(address.toLowerCase()) }
		: undefined;
}

/** A chain id as wallets write it: 1, "1", "0x1", "eip155:1". */
export function readChain(value: unknown): number | undefined {
	const text =
		typeof value === 'number' ? `${value}` : typeof value === 'string' ? value.replace(/^eip155:/, '') : '';
	const id = /^(0x[\da-f]{1,13}|\d{1,15})$/i.test(text) ? Number(text) : 0;
	return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** When an agreement ends, in seconds; undefined where that is past or nonsense. */
export function readExpiry(value: unknown, now = Date.now() / 1000): number | undefined {
	return typeof value === 'number' && value > now
		? Math.min(Math.floor(value), Math.floor(now) + LONGEST)
		: undefined;
}

/** The name that a wallet gives itself. */
export function readName(metadata: unknown): string {
	const { name } = record(metadata);
	// No line breaks, and nothing that turns the writing direction.
	const plain =
		typeof name === 'string'
			? name
					.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
					.trim()
					.slice(0, 40)
			: '';
	return plain || 'Phone wallet';
}

/** Where the agreement is kept. */
export const AGREEMENT = 'openledger-walletconnect-agreement';

export interface Drawer {
	getItem(key: string): string | null;
	setItem(key: string, value: string): void;
	removeItem(key: string): void;
}

/** The agreement of an earlier visit, while it lasts. */
export function storedAgreement(drawer: Drawer): Agreement | undefined {
	try {
		const read = JSON.parse(drawer.getItem(AGREEMENT) ?? 'null') as Agreement | null;
		return read && readExpiry(read.expiry) && Array.isArray(read.accounts) ? read : undefined;
	} catch {
		return undefined;
	}
}

/** Keeps it, or forgets the one that was kept. */
export function storeAgreement(drawer: Drawer, agreement: Agreement | undefined): void {
	if (agreement) drawer.setItem(AGREEMENT, JSON.stringify(agreement));
	else drawer.removeItem(AGREEMENT);
}

export function record(value: unknown): Record<string, unknown> {
	return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
