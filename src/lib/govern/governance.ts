import {
	decodeEventLog,
	decodeFunctionData,
	encodeEventTopics,
	type Abi,
	type Address,
	type Hex
} from 'viem';
import { readLogs } from '#workers/ledger/logs.ts';
import { readBlock, unreachable } from '#workers/ledger/rpc.ts';
import { gopenAbi } from '../../../contracts-abi/abi/GOPEN.ts';
import { openGovernorAbi } from '../../../contracts-abi/abi/OpenGovernor.ts';
import { rulesAbi } from '../../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import type { RulesParams } from '../../../contracts/deploy/params.ts';
import type { Proposal } from '../chain/actions/govern.ts';
import { read, type Network } from '../ledger/network.ts';

/** In the governor's order. */
const states = [
	'pending',
	'active',
	'canceled',
	'defeated',
	'succeeded',
	'queued',
	'expired',
	'executed'
] as const;
export type ProposalState = (typeof states)[number];

export interface ProposalView extends Proposal {
	id: bigint;
	proposer: Address;
	state: ProposalState;
	/** Votes. */
	against: bigint;
	for: bigint;
	abstain: bigint;
	quorum: bigint;
	/** Seconds since the epoch. */
	starts: number;
	ends: number;
	/** When it can be executed; 0 before it is queued. */
	eta: number;
	/** Whether the account has voted. */
	voted: boolean;
	/** Votes that the account had when voting began. */
	weight: bigint;
	/** What it would set the rules to; undefined where it does something else. */
	rules?: RulesParams;
	/** Fee that waits to be returned or lost. Wei. */
	fee: bigint;
}

export interface RulesVersion {
	version: number;
	/** Seconds since the epoch. */
	since: number;
	params: RulesParams;
}

export interface Governance {
	/** Newest first. */
	proposals: ProposalView[];
	/** Newest first. */
	versions: RulesVersion[];
	inForce: number;
	/** Votes that proposing takes. */
	threshold: bigint;
	/** gOPEN of the account, its votes, and to whom they are delegated. */
	held: bigint;
	votes: bigint;
	delegate: Address;
	/** OPEN in the wallet, and free in the prepaid balance. Wei. */
	wallet: bigint;
	free: bigint;
	/** The chain's clock. Seconds since the epoch. */
	now: number;
}

/** Everything that the govern page shows, read from the chain. */
export async function readGovernance({ chain, request, account }: Network): Promise<Governance> {
	const { governor, gopen, rules, settlement } = chain.addresses;
	const head = await readBlock(request, 'latest');
	if (!head) throw unreachable();
	if (!account) throw unreachable();
	const now = head.time;
	const range = { from: chain.fromBlock, to: head.number };
	const token = { address: gopen, abi: gopenAbi } as const;
	const core = { address: settlement, abi: settlementAbi } as const;
	const [held, votes, delegate, threshold, balance, [, free], inForce] = await Promise.all([
		read(request, { ...token, functionName: 'balanceOf', args: [account] }),
		read(request, { ...token, functionName: 'getVotes', args: [account] }),
		read(request, { ...token, functionName: 'delegates', args: [account] }),
		read(request, { address: governor, abi: openGovernorAbi, functionName: 'proposalThreshold' }),
		request({ method: 'eth_getBalance', params: [account, 'latest'] }),
		read(request, { ...core, functionName: 'accountOf', args: [account] }),
		read(request, { ...core, functionName: 'rulesInForce' })
	]);

	const versions: RulesVersion[] = [];
	for await (const { logs } of readLogs(request, {
		addresses: [lower(rules)],
		topics: [topic(rulesAbi as Abi, 'RulesSet')],
		...range
	}))
		for (const { topics, data } of logs) {
			const { args } = decodeEventLog({
				abi: rulesAbi,
				eventName: 'RulesSet',
				topics: topics as [Hex, ...Hex[]],
				data
			});
			versions.unshift({ version: Number(args.version), since: Number(args.since), params: args.params });
		}

	const proposals: Promise<ProposalView>[] = [];
	const created = [topic(openGovernorAbi as Abi, 'ProposalCreated')];
	for await (const { logs } of readLogs(request, { addresses: [lower(governor)], topics: created, ...range }))
		for (const { topics, data } of logs) {
			const event = decodeEventLog({
				abi: openGovernorAbi,
				eventName: 'ProposalCreated',
				topics: topics as [Hex, ...Hex[]],
				data
			});
			proposals.unshift(readProposal(event.args, { chain, request, account }, now));
		}
	const wallet = BigInt(balance as Hex);
	const shown = await Promise.all(proposals);
	return { proposals: shown, versions, inForce, threshold, held, votes, delegate, wallet, free, now };
}

interface Created {
	proposalId: bigint;
	proposer: Address;
	targets: readonly Address[];
	values: readonly bigint[];
	calldatas: readonly Hex[];
	voteStart: bigint;
	description: string;
}

async function readProposal(
	{ proposalId: id, proposer, targets, values, calldatas, voteStart, description }: Created,
	{ chain, request, account }: Pick<Network, 'chain' | 'request'> & { account: Address },
	now: number
): Promise<ProposalView> {
	const at = { address: chain.addresses.governor, abi: openGovernorAbi } as const;
	const starts = Number(voteStart);
	// Votes and quorum of a moment are known once it is past.
	const past = BigInt(Math.min(starts, now - 1));
	const [state, [against, inFavour, abstain], quorum, deadline, eta, voted, weight, [, fee]] =
		await Promise.all([
			read(request, { ...at, functionName: 'state', args: [id] }),
			read(request, { ...at, functionName: 'proposalVotes', args: [id] }),
			read(request, { ...at, functionName: 'quorum', args: [past] }),
			read(request, { ...at, functionName: 'proposalDeadline', args: [id] }),
			read(request, { ...at, functionName: 'proposalEta', args: [id] }),
			read(request, { ...at, functionName: 'hasVoted', args: [id, account] }),
			read(request, { ...at, functionName: 'getVotes', args: [account, past] }),
			read(request, { ...at, functionName: 'feeOf', args: [id] })
		]);
	return {
		id,
		proposer,
		targets: [...targets],
		values: [...values],
		calldatas: [...calldatas],
		description,
		state: states[state] ?? 'pending',
		against,
		for: inFavour,
		abstain,
		quorum,
		starts,
		ends: Number(deadline),
		eta: Number(eta),
		voted,
		weight,
		rules: rulesOf(chain.addresses.rules, targets, calldatas),
		fee
	};
}

/** The rules that a proposal sets, where that is all it does. */
function rulesOf(
	rules: Address,
	targets: readonly Address[],
	calldatas: readonly Hex[]
): RulesParams | undefined {
	const [data] = calldatas;
	if (targets.length !== 1 || !data || targets[0]?.toLowerCase() !== rules.toLowerCase()) return undefined;
	try {
		const { functionName, args } = decodeFunctionData({ abi: rulesAbi, data });
		return functionName === 'set' ? args[0] : undefined;
	} catch {
		return undefined;
	}
}

const lower = (address: Address) => address.toLowerCase() as Hex;
const topic = (abi: Abi, eventName: string) => encodeEventTopics({ abi, eventName })[0] as Hex;
