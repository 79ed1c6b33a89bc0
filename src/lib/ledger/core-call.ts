import { encodeFunctionData, type Abi } from 'viem';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import type { Call, Network } from './network.ts';

/** A call of the core, ready to send. @param value wei */
export function coreCall(
	{ chain }: Pick<Network, 'chain'>,
	functionName: string,
	args: readonly unknown[],
	value?: bigint
): Call {
	const data = encodeFunctionData({ abi: settlementAbi as Abi, functionName, args });
	return { to: chain.addresses.settlement, data, value };
}
