import { toHex, type Hex } from './hash.ts';
import { MAX_LINEAGE_DEPTH } from './limits.ts';
import { HASH_BYTES, packLeaves, type LeafValue } from './merkle/leaf.ts';
import { compareAt, hashAt, packIds } from './merkle/packed.ts';
import { merkleRoot } from './merkle/tree.ts';

/** A frozen Datanet: what a model is trained on and what a root on chain stands for. */
export interface Version {
	/** Merkle root over its rows (workers/datanets/merkle): its identity. */
	root: Hex;
	/** ISO 8601, UTC, whole seconds. */
	created: string;
	note: string;
	/** Row ids, ascending and packed. Row i of a version is the i-th of these, on every machine. */
	ids: Uint8Array;
}

/** Freezes rows given in any order. Throws a RangeError for no rows. */
export function makeVersion(rows: readonly LeafValue[], note: string, created: Date): Version {
	return {
		root: merkleRoot(packLeaves(rows)),
		created: `${created.toISOString().slice(0, 19)}Z`,
		note,
		ids: packIds(rows.map((row) => row.id))
	};
}

export function countOf(version: Version): number {
	return version.ids.length / HASH_BYTES;
}

export interface Difference {
	added: Hex[];
	removed: Hex[];
	/** Added rows with a removed ancestor: corrections. Their ids stand in `added` and `removed` too. */
	corrected: { from: Hex; to: Hex }[];
}

/** What changed between two versions' ids. `parentOf` is asked for added rows and their ancestors. */
export function diffVersions(
	before: Uint8Array,
	after: Uint8Array,
	parentOf: (id: Hex) => Hex | null
): Difference {
	const added: Hex[] = [];
	const removed: Hex[] = [];
	let i = 0;
	let j = 0;
	while (i < before.length / HASH_BYTES || j < after.length / HASH_BYTES) {
		const order =
			i * HASH_BYTES === before.length
				? 1
				: j * HASH_BYTES === after.length
					? -1
					: compareAt(before, i, after, j);
		if (order < 0) removed.push(toHex(hashAt(before, i)));
		if (order > 0) added.push(toHex(hashAt(after, j)));
		if (order <= 0) i++;
		if (order >= 0) j++;
	}
	const gone = new Set(removed);
	const corrected = added.flatMap((to) => {
		const from = ancestorIn(gone, to, parentOf);
		return from === undefined ? [] : [{ from, to }];
	});
	return { added, removed, corrected };
}

/** A row may have been corrected several times between two versions. */
function ancestorIn(ids: Set<Hex>, id: Hex, parentOf: (id: Hex) => Hex | null): Hex | undefined {
	let current = parentOf(id);
	for (let depth = 0; current !== null && depth < MAX_LINEAGE_DEPTH; depth++) {
		if (ids.has(current)) return current;
		current = parentOf(current);
	}
	return undefined;
}
