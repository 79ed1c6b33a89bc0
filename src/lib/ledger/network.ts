import {
	decodeFunctionResult,
	encodeFunctionData,
	type Abi,
	type Address,
	type ContractFunctionArgs,
	type ContractFunctionName,
	type ContractFunctionReturnType,
	type Hex
} from 'viem';
import { nonsense, type RpcRequest } from '#workers/ledger/rpc.ts';
import type { LedgerChain } from '#workers/ledger/sync.ts';

export interface Call {
	to: Address;
	data: Hex;
	/** Wei. */
	value?: bigint;
}

/** A call and what it is, in words, for the wallet's dialog and the list of what is under way. */
export interface TitledCall extends Call {
	title: string;
	/** What it is for, unlike anything else: then it is not sent again while it is on its way or after it was done. */
	id?: string;
}

/** A network as the ledger needs it: the sandbox, or a chain with a wallet. */
export interface Network {
	readonly chain: LedgerChain;
	/** For a person. */
	readonly name: string;
	/** Play money. */
	readonly play: boolean;
	/** Undefined while no wallet is connected. */
	readonly account: Address | undefined;
	/** Reads. */
	readonly request: RpcRequest;
	/** An address that a worker can read from by itself; absent where only the page can (the sandbox, a wallet). */
	readonly url?: string;
	/** Asks the wallet: `eth_sendTransaction`. */
	readonly wallet: RpcRequest;
	/** Asks the wallet, at once or one after another, and waits until all are settled. Throws OpenLedgerError. */
	send(calls: readonly TitledCall[]): Promise<void>;
}

/** Calls a view function. */
export async function read<
	const abi extends Abi,
	name extends ContractFunctionName<abi, 'view' | 'pure'>,
	const args extends ContractFunctionArgs<abi, 'view' | 'pure', name>
>(
	request: RpcRequest,
	call: { address: Address; abi: abi; functionName: name; args?: args }
): Promise<ContractFunctionReturnType<abi, 'view' | 'pure', name, args>> {
	const { address, abi, functionName, args } = call;
	const data = encodeFunctionData({
		abi: abi as Abi,
		functionName: functionName as string,
		args: args as readonly unknown[]
	});
	const answer = await request({ method: 'eth_call', params: [{ to: address, data }, 'latest'] });
	try {
		return decodeFunctionResult({
			abi: abi as Abi,
			functionName: functionName as string,
			data: answer as Hex
		}) as never;
	} catch {
		throw nonsense(`no answer to ${functionName as string}`);
	}
}
