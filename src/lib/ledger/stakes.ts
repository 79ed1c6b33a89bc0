import { encodeFunctionData, pad, type Abi, type Address, type Hex } from 'viem';
import { topicOf } from '#workers/ledger/events.ts';
import { readLogs } from '#workers/ledger/logs.ts';
import { readBlock, unreachable } from '#workers/ledger/rpc.ts';
import { datanetsAbi } from '../../../contracts-abi/abi/Datanets.ts';
import { stakingAbi } from '../../../contracts-abi/abi/Staking.ts';
import { readKey } from '../../../contracts/client/keys.ts';
import { read, type Call, type Network, type TitledCall } from './network.ts';

/** Income is kept times 2^96 (contracts/src/Staking.sol, SCALE). */
const SCALE = 1n << 96n;

/** What an account has staked in one pool. */
export interface Stake {
	/** Its reward key: a model's pool, a host's, the auditors. */
	pool: number;
	/** What it is worth now, with what unbonds. Wei. */
	worth: bigint;
	/** What of it unbonds, until when. Wei; seconds since the epoch. */
	leaving: bigint;
	until: number;
	/** Its part of the pool, as shares of all shares; those that do not unbond. */
	shares: bigint;
	total: bigint;
	staying: bigint;
	/** Wei that can be collected now. */
	collectable: bigint;
	/** Wei that was collected before. */
	collected: bigint;
}

/**
 * Sums of what was collected from the Datanets or from the pools: `first second` (the event's indexed arguments as numbers) → wei.
 * @param topics after the event's own
 */
export async function readCollected(
	{ request, chain }: Pick<Network, 'request' | 'chain'>,
	address: Address,
	name: 'DatanetCollected' | 'PoolCollected',
	topics: (Hex | Hex[] | null)[]
): Promise<Map<string, bigint>> {
	const head = await readBlock(request, 'latest');
	if (!head) throw unreachable();
	const abi = (name === 'PoolCollected' ? stakingAbi : datanetsAbi) as Abi;
	const query = { addresses: [address.toLowerCase() as Hex], topics: [topicOf(abi, name), ...topics] };
	const sums = new Map<string, bigint>();
	for await (const { logs } of readLogs(request, { ...query, from: chain.fromBlock, to: head.number }))
		for (const log of logs) {
			const key = `${Number(log.topics[1])} ${Number(log.topics[2])}`;
			sums.set(key, (sums.get(key) ?? 0n) + BigInt(log.data));
		}
	return sums;
}

/** The stakes of an account. */
export async function readStakes(
	{ request, chain }: Pick<Network, 'request' | 'chain'>,
	account: Address
): Promise<Stake[]> {
	const head = await readBlock(request, 'latest');
	if (!head) throw unreachable();
	const { staking } = chain.addresses;
	const addresses = [staking.toLowerCase() as Hex];
	const topics = [topicOf(stakingAbi as Abi, 'Staked'), null, pad(account.toLowerCase() as Hex)];
	const collected = await readCollected({ request, chain }, staking, 'PoolCollected', [
		null,
		pad(account.toLowerCase() as Hex)
	]);
	const pools = new Set<number>();
	for await (const { logs } of readLogs(request, {
		addresses,
		topics,
		from: chain.fromBlock,
		to: head.number
	}))
		for (const log of logs) pools.add(Number(log.topics[1]));
	const at = { address: staking, abi: stakingAbi } as const;
	return Promise.all(
		[...pools].map(async (key): Promise<Stake> => {
			const stake = await read(request, { ...at, functionName: 'stakeOf', args: [key, account] });
			const pool = await read(request, { ...at, functionName: 'pool', args: [key] });
			const { shares, owed, perShare } = stake;
			const worth = (part: bigint) => (pool.shares > 0n ? (part * pool.assets) / pool.shares : 0n);
			return {
				pool: key,
				worth: worth(shares),
				leaving: worth(stake.leaving),
				until: stake.until,
				staying: shares - stake.leaving,
				shares,
				total: pool.shares,
				collectable: (owed + shares * (pool.perShare - perShare)) / SCALE,
				collected: collected.get(`${key} ${Number(BigInt(account))}`) ?? 0n
			};
		})
	);
}

/** What a pool is, in words. */
export function poolName(pool: number): string {
	const { kind, id } = readKey(pool);
	if (kind === 'auditors') return 'auditors';
	return kind === 'hostPool' ? `host ${id}` : `model ${id}`;
}

/** Credits what a stake earned to its staker's prepaid balance. */
export function collectCall(network: Network, pool: number, account: Address): Call {
	return call(network, 'collect', [pool, account]);
}

/** Moves from the prepaid balance into a pool. @param amount wei */
export function stakeCall(network: Network, pool: number, amount: bigint): TitledCall {
	return { title: `Stake on ${poolName(pool)}`, ...call(network, 'stake', [pool, amount]) };
}

/** Lets a part of a stake unbond, which begins the time anew for what unbonds already. @param amount wei; all where it is all */
export function unbondCall(
	network: Network,
	{ pool, worth, leaving, shares, staying }: Stake,
	amount: bigint
): TitledCall {
	// Rounded down, so that it is never more than was meant; what is left of a wei stays.
	const part = amount >= worth - leaving ? staying : (amount * shares) / worth;
	return { title: 'Unbond a stake', ...call(network, 'unbond', [pool, part]) };
}

/** Takes what has unbonded back into the prepaid balance. */
export function unstakeCall(network: Network, pool: number): TitledCall {
	return { title: 'Take a stake out', ...call(network, 'unstake', [pool]) };
}

function call({ chain }: Network, functionName: string, args: readonly unknown[]): Call {
	return {
		to: chain.addresses.staking,
		data: encodeFunctionData({ abi: stakingAbi as Abi, functionName, args })
	};
}
