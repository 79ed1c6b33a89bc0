import { isAddress, isHex, type Hex } from 'viem';
import type { CallRequest } from './machine.ts';
import { RpcError, rpcCodes } from './rpc-error.ts';

/** Readers of what a JSON-RPC request carries. Each throws `RpcError` -32602 on anything else. */

function refuse(what: string, value: unknown): never {
	throw new RpcError(rpcCodes.badParams, `${what} expected, got ${JSON.stringify(value)?.slice(0, 80)}`);
}

export function readHex(value: unknown, what = 'hex data'): Hex {
	if (!isHex(value) || value.length % 2 !== 0) refuse(what, value);
	return value.toLowerCase() as Hex;
}

export function readHash(value: unknown): Hex {
	const hex = readHex(value, 'a hash');
	return hex.length === 66 ? hex : refuse('a hash', value);
}

export function readAddress(value: unknown): Hex {
	if (typeof value !== 'string' || !isAddress(value, { strict: false })) refuse('an address', value);
	return value.toLowerCase() as Hex;
}

/** Digits that fit a word, in hex. */
export function readQuantity(value: unknown, what = 'a hex number'): bigint {
	if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
	if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) refuse(what, value);
	return BigInt(value);
}

export function readRecord(value: unknown): Record<string, unknown> {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse('an object', value);
	return value as Record<string, unknown>;
}

/** A block's number. @param head what `latest` is here. */
export function readBlockNumber(value: unknown, head: number): number {
	if (value === 'earliest') return 0;
	if (
		value === undefined ||
		(typeof value === 'string' && ['latest', 'pending', 'safe', 'finalized'].includes(value))
	)
		return head;
	const number = readQuantity(value, 'a block number or tag');
	return number > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(number);
}

export function readCall(value: unknown): CallRequest {
	const call = readRecord(value);
	const given = <T>(field: unknown, read: (value: unknown) => T) => (field == null ? undefined : read(field));
	return {
		from: given(call.from, readAddress),
		to: given(call.to, readAddress),
		data: given(call.input ?? call.data, readHex) ?? '0x',
		value: given(call.value, readQuantity) ?? 0n,
		gas: given(call.gas, readQuantity)
	};
}
