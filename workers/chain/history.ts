import { isHex, type Hex } from 'viem';
import { OpenLedgerError } from '../errors.ts';
import type { BlockRecord, HeadRecord } from './store.ts';

/** An exported sandbox: what was signed and when. The state follows from it, so a file cannot carry a made-up one. */
export interface History {
	format: 'openledger-sandbox/1';
	/** Hash of the block that the sandbox began with. */
	genesis: Hex;
	/** Hash of its last block, which running the history must give. */
	head: Hex;
	ahead: number;
	keys: Hex[];
	blocks: { time: number; transactions: Hex[] }[];
}

/** Most blocks in a file: running more takes minutes. */
const MOST_BLOCKS = 100_000;

export function writeHistory(genesis: Hex, head: HeadRecord, blocks: BlockRecord[]): string {
	const history: History = {
		format: 'openledger-sandbox/1',
		genesis,
		head: head.hash,
		ahead: head.ahead,
		keys: head.keys,
		blocks: blocks.map(({ time, transactions }) => ({
			time,
			transactions: transactions.map(({ raw }) => raw)
		}))
	};
	return JSON.stringify(history);
}

/** Throws `sandbox/malformed` on anything that `writeHistory` does not write. */
export function readHistory(text: string): History {
	const malformed = (details: string, cause?: unknown) =>
		new OpenLedgerError('sandbox/malformed', 'This file is not an exported sandbox.', {
			remedy: 'Choose a file that “Export” of a sandbox wrote.',
			details: { reason: details },
			cause
		});
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		throw malformed('not JSON', cause);
	}
	const history = value as Partial<History> | null;
	if (history?.format !== 'openledger-sandbox/1') throw malformed('unknown format');
	if (!isHash(history.genesis) || !isHash(history.head)) throw malformed('hashes');
	if (!Number.isSafeInteger(history.ahead) || Number(history.ahead) < 0) throw malformed('clock');
	if (!Array.isArray(history.keys) || history.keys.length !== 1 || !history.keys.every(isHash))
		throw malformed('keys');
	if (!Array.isArray(history.blocks) || history.blocks.length > MOST_BLOCKS) throw malformed('blocks');
	for (const block of history.blocks as unknown[]) {
		const { time, transactions } = (block ?? {}) as Partial<History['blocks'][number]>;
		if (
			!Number.isSafeInteger(time) ||
			!Array.isArray(transactions) ||
			!transactions.every((raw) => isHex(raw))
		)
			throw malformed('a block');
	}
	return history as History;
}

function isHash(value: unknown): value is Hex {
	return isHex(value) && value.length === 66;
}
