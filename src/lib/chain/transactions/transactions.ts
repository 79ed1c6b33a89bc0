import { isHex, numberToHex, type Address, type Hex } from 'viem';
import { exclusively } from '#workers/datanets/store/locks.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { explain } from '../errors.ts';
import { height, look, malformed, nonceOf, wire } from './follow.ts';
import { db, ends, type Call, type TransactionRecord } from './records.ts';

/** Where transactions go and how one looks after them. */
export interface Sender {
	network: { id: number; depth: number };
	account: Address;
	/** Reads the chain. */
	node: RpcRequest;
	/** Asks the wallet. */
	ask: RpcRequest;
	/** Throws unless the wallet is on that very chain. */
	verify(): Promise<void>;
}

export interface Wanted {
	/** What it is for. While a transaction with this id is on its way, it is not sent again. */
	id: string;
	title: string;
	call: Call;
}

/** Heights that nodes have shown, by network: one that falls behind is not believed. */
const heights = new Map<number, number>();
/** Blocks that a node may lag behind what was seen before. */
const LAG = 3;

/**
 * Checks a transaction against the chain, asks the wallet for it and writes down each step before the next, so that a reload or a
 * crash loses nothing and sends nothing twice. Resolves when it has a hash; `follow` does the rest.
 * Throws `wallet/…` or `chain/…`, also where the contract would refuse it: then nobody was asked.
 */
export async function send(sender: Sender, { id, title, call }: Wanted): Promise<TransactionRecord> {
	return exclusively(`openledger-transaction ${id}`, async () => {
		const before = await db.transactions.get(id);
		if (before && !ends.includes(before.state)) return before;
		const { network, account, node, ask } = sender;
		if (before?.state === 'confirmed' && !(await begunAnew(before, sender))) return before;

		await sender.verify();
		const request = { from: account, to: call.to, data: call.data, value: numberToHex(call.value ?? 0n) };
		let since: number;
		let nonce: number;
		let gas: bigint;
		try {
			[since, nonce] = [await freshHeight(network.id, node), await nonceOf(account, node)];
			const needed = await node({ method: 'eth_estimateGas', params: [request] });
			if (!isHex(needed)) throw malformed('an estimate of gas', needed);
			// What others do between now and the block may cost this one a little more.
			gas = (BigInt(needed) * 6n) / 5n;
		} catch (error) {
			throw explain(error);
		}
		const now = Date.now();
		const record: TransactionRecord = {
			id,
			title,
			network: network.id,
			from: account,
			call,
			state: 'asked',
			nonce,
			since,
			created: now,
			updated: now
		};
		await db.transactions.put(record);
		let hash: unknown;
		try {
			hash = await ask({ method: 'eth_sendTransaction', params: [{ ...request, gas: numberToHex(gas) }] });
			if (!isHash(hash)) throw malformed('no transaction hash', hash);
		} catch (error) {
			const reason = explain(error);
			// A no is a no. After any other answer the transaction may be on its way all the same: `follow` finds out.
			if (reason.code === 'wallet/rejected') await change(record, { state: 'refused', error: wire(reason) });
			throw reason;
		}
		return change(record, { state: 'sent', hash });
	});
}

/**
 * Looks after one transaction until it ends; another tab that does so already is waited for. A silent or nonsensical node is
 * asked again, ever more slowly, while `signal` allows.
 * @param pause milliseconds between looks
 */
export async function follow(
	id: string,
	{ network, node }: Pick<Sender, 'network' | 'node'>,
	signal: AbortSignal,
	pause = 1_000
): Promise<TransactionRecord | undefined> {
	return exclusively(`openledger-follow ${id}`, async () => {
		let wait = pause;
		for (;;) {
			const record = await db.transactions.get(id);
			if (!record || ends.includes(record.state)) return record;
			if (record.network !== network.id) return record;
			try {
				const found = await look(record, node, network.depth, Date.now());
				// Only what this look began with may change: the wallet may have answered meanwhile.
				await db.transaction('rw', db.transactions, async () => {
					const current = await db.transactions.get(id);
					if (current?.state === record.state && current.hash === record.hash && Object.keys(found).length)
						await db.transactions.put({ ...current, ...found, updated: Date.now() });
				});
				wait = pause;
			} catch {
				wait = Math.min(wait * 2, 30_000);
			}
			if (signal.aborted) return record;
			const now = await db.transactions.get(id);
			if (now && ends.includes(now.state)) return now;
			await new Promise((resolve) => {
				const timer = setTimeout(resolve, wait);
				signal.addEventListener('abort', () => (clearTimeout(timer), resolve(undefined)), { once: true });
			});
		}
	});
}

/** Follows it to its end. Throws why it did not come to a good one. */
export async function settled(
	id: string,
	sender: Pick<Sender, 'network' | 'node'>,
	pause = 250
): Promise<TransactionRecord> {
	const record = await follow(id, sender, new AbortController().signal, pause);
	const failure = record && failureOf(record);
	if (failure) throw failure;
	if (!record) throw new Error(`no transaction ${id}`);
	return record;
}

/** Those that have not ended, for `follow` after a reload. */
export function unfinished(network: number): Promise<TransactionRecord[]> {
	return db.transactions
		.where('state')
		.anyOf('prepared', 'asked', 'sent', 'seen')
		.filter((record) => record.network === network)
		.toArray();
}

/** The error of a transaction that ended badly. */
function failureOf({ error }: TransactionRecord): OpenLedgerError | undefined {
	return error && new OpenLedgerError(error.code, error.message, { remedy: error.remedy });
}

/** A chain that is never reorganised and does not know what it confirmed is another one: the sandbox was begun anew. */
async function begunAnew({ hash }: TransactionRecord, { network, node }: Sender): Promise<boolean> {
	if (network.depth > 0 || !hash) return false;
	return (await node({ method: 'eth_getTransactionReceipt', params: [hash] })) === null;
}

async function change(
	record: TransactionRecord,
	changes: Partial<TransactionRecord>
): Promise<TransactionRecord> {
	const changed = { ...record, ...changes, updated: Date.now() };
	await db.transactions.put(changed);
	return changed;
}

/** The node's height. Throws `chain/behind` where it shows less than was seen before. */
async function freshHeight(network: number, node: RpcRequest): Promise<number> {
	const now = await height(node);
	const seen = heights.get(network) ?? 0;
	if (now + LAG < seen)
		throw new OpenLedgerError('chain/behind', 'This node shows an old state of the network.', {
			remedy: 'Wait until it has caught up, or use another node. Nothing was sent.',
			details: { height: now, seen }
		});
	heights.set(network, Math.max(now, seen));
	return now;
}

function isHash(value: unknown): value is Hex {
	return isHex(value) && value.length === 66;
}
