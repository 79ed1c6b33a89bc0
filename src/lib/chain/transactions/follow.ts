import { hexToBigInt, isHex, numberToHex, type Hex } from 'viem';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { reverted } from '../errors.ts';
import type { TransactionRecord } from './records.ts';

/** Milliseconds after which a transaction that no node knows any more counts as dropped. */
export const FORGOTTEN = 120_000;
/** Most blocks searched for a transaction whose hash is not known. */
const SEARCH = 2_000;

/** What to change in a record; empty where nothing has happened. */
export type Change = Partial<TransactionRecord>;

interface Receipt {
	blockNumber: number;
	blockHash: Hex;
	success: boolean;
	gasUsed: bigint;
}

/**
 * Looks once at what became of a transaction. Pure but for the node: the caller keeps the change and looks again.
 * Throws `chain/unreachable`, `chain/malformed` or what the node threw: then nothing is known, and nothing changes.
 * @param depth blocks that must follow before it is settled
 * @param now milliseconds since 1970
 */
export async function look(
	record: TransactionRecord,
	node: RpcRequest,
	depth: number,
	now: number
): Promise<Change> {
	if (record.state === 'asked') return rediscover(record, node);
	const { hash } = record;
	if (!hash) return {};

	const head = await height(node);
	const receipt = await receiptOf(hash, node);
	if (receipt) {
		const place = {
			block: receipt.blockNumber,
			blockHash: receipt.blockHash,
			gasUsed: receipt.gasUsed,
			missing: undefined
		};
		// Once: what stands behind a hash does not change.
		if (record.state === 'sent' && !(await isWanted(record, hash, node)))
			return { state: 'unknown', ...place, error: wire(other()) };
		if (head - receipt.blockNumber < depth) return { state: 'seen', ...place };
		if (receipt.success) return { state: 'confirmed', ...place };
		return { state: 'reverted', ...place, error: wire(await whyReverted(record, receipt, node)) };
	}

	// In no block: on its way, overtaken by another with its number, or forgotten. After a reorganisation it may be all of these again.
	if (await node({ method: 'eth_getTransactionByHash', params: [hash] }))
		return { state: 'sent', block: undefined, blockHash: undefined, missing: undefined };
	if (!record.bundled && (await nonceOf(record.from, node)) > record.nonce) {
		const other = await findByNonce(record, node, head);
		// Between two questions it may have been mined after all.
		if (!other) return (await receiptOf(hash, node)) ? {} : missing(record, now);
		if (other.same) return { state: 'sent', hash: other.hash, missing: undefined };
		return {
			state: 'replaced',
			error: wire(
				new OpenLedgerError(
					'transaction/replaced',
					'It was replaced by another transaction of this account.',
					{
						remedy:
							'You cancelled it in the wallet, or sent something else in its place. Nothing of this one was done.'
					}
				)
			)
		};
	}
	return missing(record, now);
}

/** The tab ended between the wallet's question and its answer: the account's number tells whether something was sent. */
async function rediscover(record: TransactionRecord, node: RpcRequest): Promise<Change> {
	if ((await nonceOf(record.from, node)) <= record.nonce) return {};
	const found = await findByNonce(record, node, await height(node));
	if (found?.same) return { state: 'sent', hash: found.hash };
	return {
		state: 'unknown',
		error: wire(
			new OpenLedgerError('transaction/unknown', 'The page was closed while the wallet was asking.', {
				remedy: record.bundled
					? 'Look whether it was done before you try again.'
					: 'Nothing of this was done. Try again if you still want it.'
			})
		)
	};
}

function missing(record: TransactionRecord, now: number): Change {
	const since = record.missing ?? now;
	const nowhere = { block: undefined, blockHash: undefined, missing: since };
	if (now - since < FORGOTTEN) return { state: 'sent', ...nowhere };
	return {
		...nowhere,
		state: 'dropped',
		error: wire(
			new OpenLedgerError('transaction/dropped', 'The network has forgotten this transaction.', {
				remedy: 'Its fee may have been too low. Nothing was done; try again.'
			})
		)
	};
}

interface Transaction {
	hash: Hex;
	from: Hex;
	to: Hex | null;
	nonce: Hex;
	input: Hex;
	value: Hex;
}

/** Some wallets append their own mark to a call; contracts do not read it. */
function isCall({ to, input, value }: Transaction, { call }: TransactionRecord): boolean {
	return (
		to?.toLowerCase() === call.to.toLowerCase() &&
		input.toLowerCase().startsWith(call.data.toLowerCase()) &&
		BigInt(value) === (call.value ?? 0n)
	);
}

/** Whether the hash that the wallet gave is of what was asked for. A bundle is the wallet's own call; who names another's lies. */
async function isWanted(record: TransactionRecord, hash: Hex, node: RpcRequest): Promise<boolean> {
	if (record.bundled) return true;
	const tx = (await node({ method: 'eth_getTransactionByHash', params: [hash] })) as Transaction | null;
	// A node may have forgotten it, but not what came of it.
	if (!tx) return true;
	if (!isHex(tx.from) || !isHex(tx.input) || !isHex(tx.value)) throw malformed('a transaction', tx);
	// Nor is one that was made before.
	return (
		tx.from.toLowerCase() === record.from.toLowerCase() &&
		Number(tx.nonce) >= record.nonce &&
		isCall(tx, record)
	);
}

function other(): OpenLedgerError {
	return new OpenLedgerError(
		'transaction/unknown',
		'The wallet named another transaction than the one it was asked for.',
		{
			remedy: 'Look whether it was done before you try again, and be wary of this wallet.'
		}
	);
}

async function findByNonce(
	record: TransactionRecord,
	node: RpcRequest,
	head: number
): Promise<{ hash: Hex; same: boolean } | undefined> {
	const from = Math.max(record.since, head - SEARCH);
	for (let number = head; number >= from; number--) {
		const block = (await node({ method: 'eth_getBlockByNumber', params: [numberToHex(number), true] })) as {
			transactions?: Transaction[];
		} | null;
		for (const tx of block?.transactions ?? []) {
			if (tx.from?.toLowerCase() !== record.from.toLowerCase() || Number(tx.nonce) !== record.nonce) continue;
			return { hash: tx.hash, same: isCall(tx, record) };
		}
	}
	return undefined;
}

/** Runs the call again on the state before its block, which most nodes still have; the reason is not in the receipt. */
async function whyReverted(
	{ from, call }: TransactionRecord,
	{ blockNumber }: Receipt,
	node: RpcRequest
): Promise<OpenLedgerError> {
	const request = { from, to: call.to, data: call.data, value: numberToHex(call.value ?? 0n) };
	try {
		await node({ method: 'eth_call', params: [request, numberToHex(blockNumber - 1)] });
	} catch (error) {
		const { data } = error as { data?: unknown };
		if (isHex(data) && data.length >= 10) return reverted(data, error);
	}
	return new OpenLedgerError('chain/reverted', 'The contract refused this when its turn came.', {
		remedy: 'Something changed while it waited. Only the gas was paid; read the page again.'
	});
}

async function receiptOf(hash: Hex, node: RpcRequest): Promise<Receipt | undefined> {
	const answer = await node({ method: 'eth_getTransactionReceipt', params: [hash] });
	if (answer === null || answer === undefined) return undefined;
	const { transactionHash, blockNumber, blockHash, status, gasUsed } = answer as Record<string, unknown>;
	if (
		transactionHash !== hash ||
		!isHex(blockNumber) ||
		!isHex(blockHash) ||
		!isHex(gasUsed) ||
		(status !== '0x1' && status !== '0x0')
	)
		throw malformed('a receipt', answer);
	return {
		blockNumber: Number(blockNumber),
		blockHash,
		success: status === '0x1',
		gasUsed: hexToBigInt(gasUsed)
	};
}

export async function height(node: RpcRequest): Promise<number> {
	const answer = await node({ method: 'eth_blockNumber' });
	if (!isHex(answer) || !Number.isSafeInteger(Number(answer))) throw malformed('a block number', answer);
	return Number(answer);
}

/** How many transactions of an account are in blocks. */
export async function nonceOf(account: Hex, node: RpcRequest): Promise<number> {
	const answer = await node({ method: 'eth_getTransactionCount', params: [account, 'latest'] });
	if (!isHex(answer) || !Number.isSafeInteger(Number(answer))) throw malformed('an account’s number', answer);
	return Number(answer);
}

export function malformed(what: string, answer: unknown): OpenLedgerError {
	return new OpenLedgerError('chain/malformed', `The network sent something that cannot be right: ${what}.`, {
		remedy: 'Try again later, or use another node. Nothing was changed.',
		details: { answer: JSON.stringify(answer)?.slice(0, 200) ?? 'nothing' }
	});
}

export function wire({ code, message, remedy }: OpenLedgerError) {
	return { code, message, remedy };
}
