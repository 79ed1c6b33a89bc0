import type { Hex } from '#workers/datanets/hash.ts';
import { allOf } from '#workers/datanets/store/db.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { datanets as worker } from '../../datanets/connection.ts';
import { db } from '../../datanets/db.svelte.ts';
import { me } from '../../datanets/identity/me.svelte.ts';
import type { OwnVersion } from './register.ts';

/**
 * Of the Datanets that an adapter was trained on, those whose version is on this device and open; rows count as the person's own as far
 * as their credit goes.
 */
export async function ownVersions(datanets: AdapterEntry['datanets']): Promise<OwnVersion[]> {
	await me.load();
	const found: OwnVersion[] = [];
	for (const { id, name, root, rows } of datanets) {
		if (!id || !root || !(await db.versions.get([id, root as Hex]))) continue;
		const record = await db.datanets.get(id);
		if (!record) continue;
		const versions = await allOf(db.versions, id).toArray();
		const earlier = versions
			.filter((version) => version.root !== root)
			.sort((a, b) => b.created.localeCompare(a.created));
		const credits = await worker(async (api) => {
			await api.open(id);
			return api.credits(id);
		}).catch(() => []);
		const mine = credits.filter(({ contributor, wallet }) => me.is(contributor) || (wallet && me.is(wallet)));
		const share = mine.reduce((sum, credit) => sum + credit.share, 0);
		found.push({
			...{
				name: record.name || name,
				root: root as Hex,
				earlier: earlier.map((version) => version.root),
				rows
			},
			own: Math.round(share * rows)
		});
	}
	return found;
}
