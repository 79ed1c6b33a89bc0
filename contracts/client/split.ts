import { rewardKey } from './keys.ts';
import type { Weight } from './leaves.ts';

const ONE = 10_000n;

/** The shares that a split needs (contracts/src/Types.sol, Params), in 1/10,000. */
export interface Shares {
	contributors: number;
	owner: number;
	base: number;
	host: number;
	stakers: number;
	poster: number;
	staticShare: number;
	cap: number;
}

/** What decides who earns what by a batch. */
export interface SplitInput {
	shares: Shares;
	sources: readonly { datanet: number; share: number }[];
	model: number;
	/** 0 when the model is itself a base. */
	base: number;
	/** Contributor id of who served, 0 for the payer's own device. */
	host: number;
	/** Contributor id of who posts the root, 0 for none. */
	poster: number;
	amount: bigint;
	/** Absent: a private batch. */
	weights?: readonly Weight[];
}

/**
 * What one batch earns whom, in wei: reward key → amount, without zeros. The parts add up to the amount.
 * Written from docs/settlement.md, P1 to P6; checked against contracts/src/libraries/Split.sol by contracts/client/chain.test.ts.
 */
export function splitBatch(input: SplitInput): Map<number, bigint> {
	const weights = input.weights ?? [];
	const total = BigInt(weights.reduce((sum, { weight }) => sum + weight, 0));
	const people: [number, bigint][] = [];
	const rewards = splitAround(input, (weighted, ceiling) => {
		let paid = 0n;
		if (total === 0n) return paid;
		for (const { id, weight } of weights) {
			if (id === 0) continue;
			const earned = (weighted * BigInt(weight)) / total;
			const wei = earned > ceiling ? ceiling : earned;
			if (wei === 0n) continue;
			people.push([id, wei]);
			paid += wei;
		}
		return paid;
	});
	for (const [id, wei] of people) rewards.set(id, (rewards.get(id) ?? 0n) + wei);
	return rewards;
}

/**
 * The same, with the weighted part handed out by the caller: `pay` gives each contributor floor(weighted × w / total), at most
 * `ceiling`, and returns the sum. What it gave is not in the result.
 */
export function splitAround(
	input: Omit<SplitInput, 'weights'>,
	pay: (weighted: bigint, ceiling: bigint) => bigint
): Map<number, bigint> {
	const { shares, sources, model, base, host, poster, amount } = input;
	const part = (share: number) => (amount * BigInt(share)) / ONE;
	const rewards = new Map<number, bigint>();
	let left = amount;
	const give = (key: number, wei: bigint) => {
		if (wei === 0n) return;
		rewards.set(key, (rewards.get(key) ?? 0n) + wei);
		left -= wei;
	};

	give(rewardKey('model', model), part(shares.owner));
	give(rewardKey('model', base || model), part(shares.base));
	let pool = part(shares.contributors);
	if (host) give(host, part(shares.host));
	else pool += part(shares.host);
	if (poster) give(poster, part(shares.poster));

	const stakers = part(shares.stakers);
	const third = stakers / 3n;
	give(rewardKey('auditors'), third);
	if (host) give(rewardKey('hostPool', host), third);
	give(rewardKey('modelPool', model), stakers - (host ? 2n : 1n) * third);

	const weighted = (pool * (ONE - BigInt(shares.staticShare))) / ONE;
	const paid = pay(weighted, (weighted * BigInt(shares.cap)) / ONE);
	left -= paid;
	const fixed = pool - paid;
	if (sources.length === 0) give(rewardKey('model', model), fixed);
	for (const { datanet, share } of sources) give(rewardKey('datanet', datanet), (fixed * BigInt(share)) / ONE);
	give(rewardKey('treasury'), left);
	return rewards;
}
