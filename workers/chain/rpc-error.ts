import type { Hex } from 'viem';

/** Codes of EIP-1193, EIP-1474 and EIP-5792, as far as the sandbox gives them. */
export const rpcCodes = {
	reverted: 3,
	unauthorised: 4100,
	unknownChain: 4902,
	unknownBundle: 5730,
	wrongChain: 5710,
	badParams: -32602,
	notFound: -32601,
	refused: -32000
} as const;

/** What a provider rejects with. `data` of a revert is what the contract returned. */
export class RpcError extends Error {
	override readonly name = 'RpcError';
	readonly code: number;
	readonly data: Hex | undefined;

	constructor(code: number, message: string, data?: Hex, cause?: unknown) {
		super(message, { cause });
		this.code = code;
		this.data = data;
	}
}

export function executionReverted(reason: string, output: Hex): RpcError {
	if (reason !== 'revert') return new RpcError(rpcCodes.refused, `execution failed: ${reason}`);
	return new RpcError(rpcCodes.reverted, 'execution reverted', output);
}
