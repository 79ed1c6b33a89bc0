import { encodeFunctionData, keccak256, stringToHex, type Address, type Hex } from 'viem';
import { gopenAbi } from '../../../../contracts-abi/abi/GOPEN.ts';
import { openGovernorAbi } from '../../../../contracts-abi/abi/OpenGovernor.ts';
import { rulesAbi } from '../../../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../../../contracts-abi/abi/Settlement.ts';
import type { Addresses } from '../../../../contracts/deploy/plan.ts';
import type { RulesParams } from '../../../../contracts/deploy/params.ts';
import type { Call } from '../transactions/records.ts';

/** OPEN into gOPEN, one to one. Votes count only once they are delegated, if only to oneself. */
export function wrap({ gopen }: Addresses, amount: bigint): Call {
	return { to: gopen, value: amount, data: encodeFunctionData({ abi: gopenAbi, functionName: 'deposit' }) };
}

export function unwrap({ gopen }: Addresses, amount: bigint): Call {
	return { to: gopen, data: encodeFunctionData({ abi: gopenAbi, functionName: 'withdraw', args: [amount] }) };
}

export function delegate({ gopen }: Addresses, to: Address): Call {
	return { to: gopen, data: encodeFunctionData({ abi: gopenAbi, functionName: 'delegate', args: [to] }) };
}

/** What a proposal would do, as the governor hashes it. */
export interface Proposal {
	targets: Address[];
	values: bigint[];
	calldatas: Hex[];
	/** Its first line is its title. */
	description: string;
}

/** A proposal for new rules, in force a day after it is executed. Rules out of bounds fail when it is executed, so check them first. */
export function rulesProposal({ rules }: Addresses, params: RulesParams, description: string): Proposal {
	const data = encodeFunctionData({ abi: rulesAbi, functionName: 'set', args: [params] });
	return { targets: [rules], values: [0n], calldatas: [data], description };
}

/** Costs the rules' proposal fee from the prepaid balance; it returns when the proposal reaches quorum. */
export function propose(at: Addresses, { targets, values, calldatas, description }: Proposal): Call {
	return governor(at, 'propose', [targets, values, calldatas, description]);
}

export const supports = { against: 0, for: 1, abstain: 2 } as const;

/** @param reason is public and stays. */
export function vote(at: Addresses, id: bigint, support: keyof typeof supports, reason = ''): Call {
	if (reason) return governor(at, 'castVoteWithReason', [id, supports[support], reason]);
	return governor(at, 'castVote', [id, supports[support]]);
}

/** After the vote was won: starts the timelock. Anyone may. */
export function queue(at: Addresses, proposal: Proposal): Call {
	return governor(at, 'queue', hashed(proposal));
}

/** After the timelock: does it. Anyone may. */
export function execute(at: Addresses, proposal: Proposal): Call {
	return governor(at, 'execute', hashed(proposal));
}

/** Settles the fee of a proposal whose vote is over: to the proposer if it reached quorum, else to the treasury. Anyone may. */
export function settleFee(at: Addresses, id: bigint): Call {
	return governor(at, 'settleFee', [id]);
}

/** Puts the rules that are due in force: from then on they split what is settled. Anyone may. */
export function takeOverRules({ settlement }: Addresses): Call {
	return { to: settlement, data: encodeFunctionData({ abi: settlementAbi, functionName: 'syncRules' }) };
}

function hashed({ targets, values, calldatas, description }: Proposal) {
	return [targets, values, calldatas, keccak256(stringToHex(description))] as const;
}

function governor(
	at: Addresses,
	functionName: 'propose' | 'castVote' | 'castVoteWithReason' | 'queue' | 'execute' | 'settleFee',
	args: readonly unknown[]
): Call {
	// viem checks the arguments against the ABI at run time; each caller above is typed.
	return { to: at.governor, data: encodeFunctionData({ abi: openGovernorAbi, functionName, args } as never) };
}
