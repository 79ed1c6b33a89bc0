import type { LedgerSummary } from '#workers/ledger/service.ts';
import { readKey, rewardKey } from '../../../contracts/client/keys.ts';

type Registry = Pick<LedgerSummary, 'owners' | 'models' | 'datanets'>;

/** What a reward key is called. @param model what a registered model is called here */
export function nameOfReward(
	key: number,
	{ datanets }: Registry,
	model: (id: number) => string | undefined
): string {
	const { kind, id } = readKey(key);
	const named = model(id);
	switch (kind) {
		case 'person':
			return `Contributor ${id}`;
		case 'model':
			return named ? `Owner of ${named}` : `Owner of model ${id}`;
		case 'datanet':
			return datanets[id - 1]?.name ?? `Datanet ${id}`;
		case 'modelPool':
			return named ? `Stakers on ${named}` : `Stakers on model ${id}`;
		case 'hostPool':
			return `Stakers on host ${id}`;
		case 'auditors':
			return 'Auditors';
		case 'treasury':
			return 'Treasury';
	}
}

/**
 * Whom what a reward key has earned belongs to: owner (address, lower case) and wei. A Datanet's income goes by units, each holder's
 * part rounded down; what pools and the treasury hold belongs to nobody yet.
 */
export function holdersOf(key: number, earned: bigint, registry: Registry): { owner: string; wei: bigint }[] {
	const { kind, id } = readKey(key);
	if (kind === 'datanet') {
		const { units = 0n, holdings = new Map<number, bigint>() } = registry.datanets[id - 1] ?? {};
		const parts = new Map<string, bigint>();
		for (const [person, mine] of holdings) {
			const owner = registry.owners[person - 1]?.toLowerCase();
			if (owner && units > 0n && mine > 0n)
				parts.set(owner, (parts.get(owner) ?? 0n) + (earned * mine) / units);
		}
		return [...parts].map(([owner, wei]) => ({ owner, wei })).sort((a, b) => (a.wei < b.wei ? 1 : -1));
	}
	const owner =
		kind === 'person'
			? registry.owners[id - 1]
			: kind === 'model'
				? registry.models[id - 1]?.owner
				: undefined;
	return owner ? [{ owner: owner.toLowerCase(), wei: earned }] : [];
}

/** Reward keys that pay one of these owners (addresses, lower case), themselves or by units. */
export function keysOf(owners: ReadonlySet<string>, { owners: all, models, datanets }: Registry): number[] {
	const people = all.flatMap((owner, i) => (owners.has(owner.toLowerCase()) ? [i + 1] : []));
	const own = models.filter(({ owner }) => owners.has(owner.toLowerCase()));
	const shared = datanets.filter(({ holdings }) => people.some((id) => (holdings.get(id) ?? 0n) > 0n));
	return [
		...people,
		...own.map(({ id }) => rewardKey('model', id)),
		...shared.map(({ id }) => rewardKey('datanet', id))
	];
}
