import type { AdapterEntry } from '#workers/protocol.ts';
import { datanets } from '../datanets/connection.ts';
import { db } from '../datanets/db.svelte.ts';
import { me } from '../datanets/identity/me.svelte.ts';
import type { ReplyFacts } from './facts.ts';
import { StoredMemory } from './stored.ts';
import { useOf, type Use } from './use.ts';

/** What the person at this device gave and what came of it here. */
export interface MyWork {
	/** Id of the person in lineage; absent while the device's key could not be read. */
	person: string | undefined;
	/** Rows in Datanets of this device that are not locked. */
	rows: number;
	use: Use;
}

/** The newest answers that are looked through. */
const MOST = 5000;

/** The newest answers of this device. */
export async function answersHere(entries: readonly AdapterEntry[]): Promise<ReplyFacts[]> {
	return (await new StoredMemory(entries, undefined).replies('all', MOST)).items;
}

/**
 * @param answers in which one's rows are looked for
 * @param account that is connected: a person in the sandbox may look through the eyes of its people
 */
export async function myWork(answers: readonly ReplyFacts[], account: string | undefined): Promise<MyWork> {
	const { address, link } = me.identity ?? {};
	const mine = new Set([address, link?.wallet, account?.toLowerCase()].filter((each) => each !== undefined));
	let rows = 0;
	for (const { id } of mine.size ? await db.datanets.toArray() : []) {
		const contributors = [...mine] as `0x${string}`[];
		rows += await datanets(async (api) => {
			await api.open(id);
			return api.select(id, 'lineage mine', { contributors });
		}).catch(() => 0);
	}
	const use = useOf(answers, ({ contributor }) => contributor !== undefined && mine.has(contributor.id));
	return { person: link?.wallet ?? address ?? account?.toLowerCase(), rows, use };
}
