import { encodeFunctionData, type Address } from 'viem';
import { settlementAbi } from '../../../../contracts-abi/abi/Settlement.ts';
import type { Addresses } from '../../../../contracts/deploy/plan.ts';
import type { Call } from '../transactions/records.ts';

/** Prepays: `amount` wei go into the account's balance, from which its batches are paid. */
export function deposit({ settlement }: Addresses, amount: bigint): Call {
	return {
		to: settlement,
		value: amount,
		data: encodeFunctionData({ abi: settlementAbi, functionName: 'deposit' })
	};
}

/** Takes `amount` wei of the prepaid balance out, as far as no auditable batch locks it. */
export function withdraw({ settlement }: Addresses, amount: bigint, to: Address): Call {
	const data = encodeFunctionData({ abi: settlementAbi, functionName: 'withdraw', args: [amount, to] });
	return { to: settlement, data };
}
