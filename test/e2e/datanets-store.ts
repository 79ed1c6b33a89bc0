import type { Page } from 'playwright';
import { isIn } from '#workers/datanets/membership.ts';
import { leafHash } from '#workers/datanets/merkle/leaf.ts';
import { merkleRoot } from '#workers/datanets/merkle/tree.ts';
import type { Hex } from '#workers/datanets/hash.ts';

/** The database as it lies on the disk, read without the app's code. */
export interface Dump {
	datanets: { id: string; name: string; count: number; revision: number }[];
	rows: { datanet: string; id: Hex; contributor: Hex; kind: string; prompt: string }[];
	segments: { datanet: string; segment: number; ids: Hex[]; lengths: number[]; places: number[] }[];
	reviews: { datanet: string; ids: Hex[]; states: number[] }[];
	versions: { datanet: string; root: Hex; ids: Hex[] }[];
	staging: number;
}

/** A record of any of the stores, as far as it is looked at. */
interface Stored {
	id: Hex;
	name: string;
	datanet: string;
	count: number;
	revision: number;
	contributor: Hex;
	kind: string;
	content?: { prompt?: string };
	segment: number;
	root: Hex;
	ids: Uint8Array;
	lengths: Uint32Array;
	places: Uint32Array;
	states: Uint8Array;
}

/** Reads it once nothing is being swept any more. */
export async function dump(page: Page): Promise<Dump> {
	return page.evaluate(async () => {
		const database = await new Promise<IDBDatabase>((resolve, reject) => {
			const request = indexedDB.open('openledger-datanets');
			request.onsuccess = () => resolve(request.result);
			request.onerror = () => reject(request.error);
		});
		const all = (store: string) =>
			new Promise<Stored[]>((resolve, reject) => {
				const request = database.transaction(store).objectStore(store).getAll();
				request.onsuccess = () => resolve(request.result);
				request.onerror = () => reject(request.error);
			});
		const split = (bytes: Uint8Array): Hex[] =>
			Array.from(
				{ length: bytes.length / 32 },
				(_, i) =>
					`0x${[...bytes.subarray(i * 32, i * 32 + 32)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}` as Hex
			);
		// The sweep of a dead import runs when a worker starts.
		for (let tries = 0; tries < 100 && (await all('staging')).length > 0; tries++)
			await new Promise((resolve) => setTimeout(resolve, 100));
		const result = {
			datanets: (await all('datanets')).map(({ id, name, count, revision }) => ({
				id,
				name,
				count,
				revision
			})),
			rows: (await all('rows')).map(({ datanet, id, contributor, kind, content }) => ({
				datanet,
				id,
				contributor,
				kind,
				prompt: content?.prompt ?? ''
			})),
			segments: (await all('segments')).map(({ datanet, segment, ids, lengths, places }) => ({
				datanet,
				segment,
				ids: split(ids),
				lengths: [...lengths],
				places: [...places]
			})),
			reviews: (await all('reviews')).map(({ datanet, ids, states }) => ({
				datanet,
				ids: split(ids),
				states: [...states]
			})),
			versions: (await all('versions')).map(({ datanet, root, ids }) => ({ datanet, root, ids: split(ids) })),
			staging: (await all('staging')).length
		};
		database.close();
		return result;
	});
}

/** Ids of the rows that a Datanet holds. */
export function listed({ segments }: Dump, datanet: string): Hex[] {
	return segments
		.filter((part) => part.datanet === datanet)
		.flatMap(({ ids, lengths }) => ids.filter((_, i) => isIn(lengths[i])));
}

/** What must hold at every moment, whatever died when; one sentence for each thing that does not. */
export function violations(state: Dump): string[] {
	const wrong: string[] = [];
	const { datanets, rows, segments, reviews, versions } = state;
	if (state.staging > 0) wrong.push(`${state.staging} notes of a dead import are left`);
	const stored = new Map(rows.map((row) => [`${row.datanet} ${row.id}`, row]));
	const wanted = new Set<string>();
	for (const { datanet, segment, ids, lengths, places } of segments) {
		if (ids.length !== lengths.length || ids.length !== places.length)
			wrong.push(
				`segment ${segment} has ${ids.length} ids, ${lengths.length} lengths, ${places.length} places`
			);
		ids.forEach((id, i) => {
			wanted.add(`${datanet} ${id}`);
			if (isIn(lengths[i]) && !stored.has(`${datanet} ${id}`)) wrong.push(`${id} is listed and not stored`);
		});
	}
	for (const { datanet, ids, states } of reviews) {
		if (ids.length !== states.length) wrong.push('a review has more rows than states, or fewer');
		for (const id of ids) {
			wanted.add(`${datanet} ${id}`);
			if (!stored.has(`${datanet} ${id}`)) wrong.push(`${id} waits for review and is not stored`);
		}
	}
	for (const key of stored.keys()) if (!wanted.has(key)) wrong.push(`${key} is an orphan`);
	for (const { id, count } of datanets)
		if (listed(state, id).length !== count)
			wrong.push(`a Datanet counts ${count} rows and lists ${listed(state, id).length}`);
	const known = new Set(datanets.map(({ id }) => id));
	for (const { datanet } of [...segments, ...versions, ...reviews])
		if (!known.has(datanet)) wrong.push('something belongs to a Datanet that is not there');
	for (const { datanet, root, ids } of versions) {
		const leaves = new Uint8Array(ids.length * 32);
		ids.forEach((id, i) => {
			const contributor = stored.get(`${datanet} ${id}`)?.contributor;
			if (contributor) leaves.set(leafHash({ id, contributor }), i * 32);
			else wrong.push(`version ${root} names ${id}, which is not stored`);
		});
		if (merkleRoot(leaves) !== root) wrong.push(`version ${root} does not add up`);
	}
	return wrong;
}
