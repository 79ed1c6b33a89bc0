import type { AdapterEntry } from '#workers/protocol.ts';
import { db as attribution } from '../attribution/db.ts';
import { db as datanets } from '../datanets/db.svelte.ts';
import { me } from '../datanets/identity/me.svelte.ts';
import { db as ledger } from '../ledger/db.ts';
import type { Ref } from './facts.ts';

/** Where a walk can begin: the person, the newest answers, adapters, Datanets and payments of this device. @param most of a kind */
export async function startsOf(adapters: readonly AdapterEntry[], most: number): Promise<Ref[]> {
	const replies = await attribution.attributions.orderBy('time').reverse().limit(most).toArray();
	const local = await datanets.datanets.limit(most).toArray();
	const settlements = (await ledger.settlements.toArray()).sort((a, b) => b.time - a.time).slice(0, most);
	const own = me.identity?.link?.wallet ?? me.identity?.address;
	return [
		...replies.map(({ id }) => ({ kind: 'reply' as const, id })),
		...(own ? [{ kind: 'contributor' as const, id: own as string }] : []),
		...adapters.slice(0, most).map(({ files }) => ({ kind: 'adapter' as const, id: files.weights })),
		...local.map(({ id }) => ({ kind: 'datanet' as const, id })),
		...settlements.flatMap(({ id, chain, batch, batches }) =>
			batches.map((_, i) => ({
				kind: 'settlement' as const,
				id: batch === undefined ? `${id}.${i}` : `${chain}.${batch + i}`
			}))
		)
	];
}
