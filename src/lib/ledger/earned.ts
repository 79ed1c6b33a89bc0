import { openAmount } from '../chain/amounts.ts';
import { readKey, rewardKey } from '../../../contracts/client/keys.ts';
import type { View } from './ledger-room.svelte.ts';
import { poolName } from './stakes.ts';

/** What an account earned from one source. Wei. */
export interface Source {
	/** Unique among sources. */
	id: string;
	/** Reward key that it comes from. */
	key: number;
	name: string;
	/** Why it pays. */
	role: string;
	/** Settled, in no final root yet. */
	pending: bigint;
	/** Can be claimed now. */
	due: bigint;
	/** Was claimed before. */
	claimed: bigint;
}

/** Everything that pays the account, in the order in which it is shown. What a Datanet holds for all is divided by units, rounded down. */
export function sourcesOf({ claims, holdings, stakes, summary }: View): Source[] {
	const sources: Source[] = [];
	for (const { key, cumulative, claimed, pending } of claims) {
		const { kind, id } = readKey(key);
		const due = cumulative - claimed;
		if (kind === 'person')
			sources.push({
				id: `${key}`,
				key,
				name: `Contributor ${id}`,
				role: 'By measured weights, as host and for posting',
				pending,
				due,
				claimed
			});
		else if (kind === 'model') {
			const base = summary.models[id - 1]?.base === 0;
			sources.push({
				id: `${key}`,
				key,
				name: `Model ${id}`,
				role: base ? 'Owner of the base model' : 'Owner of the adapter',
				pending,
				due,
				claimed
			});
		}
	}
	for (const { datanet, name, contributor, units, total, collectable, collected, waiting } of holdings) {
		const claim = claims.find(({ key }) => readKey(key).kind === 'datanet' && readKey(key).id === datanet);
		const part = (wei: bigint) => (total > 0n ? (wei * units) / total : 0n);
		sources.push({
			id: `${datanet} ${contributor}`,
			key: rewardKey('datanet', datanet),
			name,
			role: `${units} of ${total} units, contributor ${contributor}`,
			pending: part(claim?.pending ?? 0n),
			due: collectable + part(waiting),
			claimed: collected
		});
	}
	for (const { pool, worth, shares, total, collectable, collected } of stakes) {
		const claim = claims.find(({ key }) => key === pool);
		const part = (wei: bigint) => (total > 0n ? (wei * shares) / total : 0n);
		sources.push({
			id: `stake ${pool}`,
			key: pool,
			name: readKey(pool).kind === 'auditors' ? 'Stake as an auditor' : `Stake on ${poolName(pool)}`,
			role: `${openAmount(worth)} OPEN staked`,
			pending: part(claim?.pending ?? 0n),
			due: collectable + part(claim ? claim.cumulative - claim.claimed : 0n),
			claimed: collected
		});
	}
	return sources;
}

/** What the account's own keys earned, by day (ascending) or by the model whose replies paid it (the largest first). Wei. */
export function earnedBy<Name extends 'day' | 'model'>(
	{ earnings, holdings, stakes }: View,
	name: Name
): { at: number; wei: bigint }[] {
	const sums = new Map<number, bigint>();
	for (const earning of earnings) {
		const { kind, id } = readKey(earning.key);
		const parts =
			kind === 'person' || kind === 'model'
				? [{ mine: 1n, all: 1n }]
				: kind === 'datanet'
					? holdings
							.filter(({ datanet }) => datanet === id)
							.map(({ units, total }) => ({ mine: units, all: total }))
					: stakes
							.filter(({ pool }) => pool === earning.key)
							.map(({ shares, total }) => ({ mine: shares, all: total }));
		const wei = parts.reduce((sum, { mine, all }) => sum + (all > 0n ? (earning.wei * mine) / all : 0n), 0n);
		sums.set(earning[name], (sums.get(earning[name]) ?? 0n) + wei);
	}
	const entries = [...sums].map(([at, sum]) => ({ at, wei: sum }));
	return entries.sort((a, b) => (name === 'day' ? a.at - b.at : a.wei < b.wei ? 1 : -1));
}
