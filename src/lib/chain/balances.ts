import { decodeFunctionResult, encodeFunctionData, hexToBigInt, isHex, type Address } from 'viem';
import { gopenAbi } from '../../../contracts-abi/abi/GOPEN.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import type { Addresses } from '../../../contracts/deploy/plan.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { explain } from './errors.ts';
import { malformed } from './transactions/follow.ts';

/** What an account holds, in wei. */
export interface Balances {
	/** In the wallet. */
	open: bigint;
	/** Prepaid for replies, and how much of it can be spent or withdrawn now. */
	prepaid: bigint;
	free: bigint;
	gopen: bigint;
}

/** Throws `chain/…`. */
export async function readBalances(node: RpcRequest, at: Addresses, account: Address): Promise<Balances> {
	const call = async (to: Address, data: `0x${string}`) => {
		const answer = await node({ method: 'eth_call', params: [{ to, data }, 'latest'] });
		if (!isHex(answer)) throw malformed('a balance', answer);
		return answer;
	};
	const args = [account] as const;
	try {
		const [open, prepaid, gopen] = await Promise.all([
			node({ method: 'eth_getBalance', params: [account, 'latest'] }),
			call(at.settlement, encodeFunctionData({ abi: settlementAbi, functionName: 'accountOf', args })),
			call(at.gopen, encodeFunctionData({ abi: gopenAbi, functionName: 'balanceOf', args }))
		]);
		if (!isHex(open)) throw malformed('a balance', open);
		const [balance, free] = decodeFunctionResult({
			abi: settlementAbi,
			functionName: 'accountOf',
			data: prepaid
		});
		const votes = decodeFunctionResult({ abi: gopenAbi, functionName: 'balanceOf', data: gopen });
		return { open: hexToBigInt(open), prepaid: balance, free, gopen: votes };
	} catch (error) {
		throw explain(error);
	}
}
