import { createTxFromRLP, type TypedTransaction } from '@ethereumjs/tx';
import type { Common } from '@ethereumjs/common';
import { hexToBytes } from '@ethereumjs/util';
import { Bloom } from '@ethereumjs/vm';
import { bytesToHex, numberToHex, parseTransaction, type Hex, type TransactionSerialized } from 'viem';
import { BASE_FEE, BLOCK_GAS } from './network.ts';
import { readAddress, readHash } from './params.ts';
import { RpcError, rpcCodes } from './rpc-error.ts';
import type { BlockRecord, LogRecord, TransactionRecord } from './store.ts';

/** Records as JSON-RPC shows them (ethereum/execution-apis). */

const zero = (size: number) => numberToHex(0, { size });
const emptyList = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347';

/** Reads a signed transaction. Throws `RpcError` on bytes that are none, or none for this chain. */
export function readTransaction(raw: Hex, common: Common): TypedTransaction {
	try {
		return createTxFromRLP(hexToBytes(raw), { common });
	} catch (error) {
		throw new RpcError(
			rpcCodes.refused,
			`not a signed transaction of this chain: ${error instanceof Error ? error.message : error}`,
			undefined,
			error
		);
	}
}

export function showBlock(block: BlockRecord, full: boolean) {
	return {
		number: numberToHex(block.number),
		hash: block.hash,
		parentHash: block.parent,
		timestamp: numberToHex(block.time),
		stateRoot: block.stateRoot,
		transactionsRoot: block.transactionsRoot,
		receiptsRoot: zero(32),
		logsBloom: bloomOf(block.transactions.flatMap(({ logs }) => logs)),
		mixHash: block.random,
		nonce: zero(8),
		difficulty: '0x0',
		gasLimit: numberToHex(BLOCK_GAS),
		gasUsed: numberToHex(block.gasUsed),
		baseFeePerGas: numberToHex(BASE_FEE),
		miner: zero(20),
		extraData: '0x',
		sha3Uncles: emptyList,
		size: numberToHex(block.transactions.reduce((sum, { raw }) => sum + raw.length / 2 - 1, 600)),
		uncles: [],
		withdrawals: [],
		transactions: full ? block.transactions.map((_, i) => showTransaction(block, i)) : block.hashes
	};
}

export function showTransaction(block: BlockRecord, index: number) {
	const record = block.transactions[index];
	if (!record) return null;
	const tx = parseTransaction(record.raw as TransactionSerialized);
	return {
		...place(block, record, index),
		hash: record.hash,
		from: record.from,
		to: tx.to ?? null,
		input: tx.data ?? '0x',
		nonce: numberToHex(tx.nonce ?? 0),
		value: numberToHex(tx.value ?? 0n),
		gas: numberToHex(tx.gas ?? 0n),
		gasPrice: numberToHex(record.gasPrice),
		type: { legacy: '0x0', eip2930: '0x1', eip1559: '0x2', eip4844: '0x3', eip7702: '0x4' }[
			tx.type ?? 'legacy'
		],
		...(tx.chainId === undefined ? {} : { chainId: numberToHex(tx.chainId) }),
		...(tx.maxFeePerGas === undefined
			? {}
			: {
					maxFeePerGas: numberToHex(tx.maxFeePerGas),
					maxPriorityFeePerGas: numberToHex(tx.maxPriorityFeePerGas ?? 0n),
					accessList: tx.accessList ?? []
				}),
		r: tx.r ?? '0x0',
		s: tx.s ?? '0x0',
		v: numberToHex(tx.v ?? tx.yParity ?? 0),
		...(tx.yParity === undefined ? {} : { yParity: numberToHex(tx.yParity) })
	};
}

export function showReceipt(block: BlockRecord, index: number) {
	const record = block.transactions[index];
	if (!record) return null;
	const tx = showTransaction(block, index);
	const before = block.transactions.slice(0, index);
	const firstLog = before.reduce((sum, { logs }) => sum + logs.length, 0);
	return {
		...place(block, record, index),
		from: record.from,
		to: tx?.to ?? null,
		type: tx?.type,
		status: record.success ? '0x1' : '0x0',
		gasUsed: numberToHex(record.gasUsed),
		cumulativeGasUsed: numberToHex(before.reduce((sum, { gasUsed }) => sum + gasUsed, record.gasUsed)),
		effectiveGasPrice: numberToHex(record.gasPrice),
		contractAddress: record.created ?? null,
		logs: record.logs.map((log, i) => showLog(block, record, index, log, firstLog + i)),
		logsBloom: bloomOf(record.logs)
	};
}

/** What eth_getLogs asks of the logs in a range of blocks. */
export interface LogFilter {
	addresses?: Hex[];
	/** By position: any of these, or anything where it is undefined. */
	topics: (Hex[] | undefined)[];
}

export function readLogFilter(filter: Record<string, unknown>): LogFilter {
	const topics = filter.topics ?? [];
	if (!Array.isArray(topics) || topics.length > 4)
		throw new RpcError(rpcCodes.badParams, 'at most four topics expected');
	return {
		addresses: filter.address == null ? undefined : [filter.address].flat().map(readAddress),
		topics: topics.map((topic: unknown) => (topic == null ? undefined : [topic].flat().map(readHash)))
	};
}

/** The block's logs that a filter lets through. */
export function showLogs(block: BlockRecord, { addresses, topics }: LogFilter) {
	let position = 0;
	return block.transactions.flatMap((record, index) =>
		record.logs.flatMap((log) => {
			const at = position++;
			const wanted =
				(!addresses || addresses.includes(log.address)) &&
				topics.every((choices, i) => !choices || (log.topics[i] && choices.includes(log.topics[i])));
			return wanted ? [showLog(block, record, index, log, at)] : [];
		})
	);
}

function showLog(
	block: BlockRecord,
	record: TransactionRecord,
	index: number,
	log: LogRecord,
	position: number
) {
	return { ...log, ...place(block, record, index), logIndex: numberToHex(position), removed: false };
}

function place(block: BlockRecord, record: TransactionRecord, index: number) {
	return {
		blockNumber: numberToHex(block.number),
		blockHash: block.hash,
		blockTimestamp: numberToHex(block.time),
		transactionHash: record.hash,
		transactionIndex: numberToHex(index)
	};
}

function bloomOf(logs: LogRecord[]): Hex {
	const bloom = new Bloom();
	for (const { address, topics } of logs)
		for (const entry of [address, ...topics]) bloom.add(hexToBytes(entry));
	return bytesToHex(bloom.bitvector);
}
