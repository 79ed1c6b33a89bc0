import type { AdapterManifest } from '#workers/adapters/manifest.ts';
import type { Hex } from '#workers/datanets/hash.ts';

/** A version of a Datanet, or its rows as they are. */
interface Chosen {
	/** Id of the Datanet. */
	id: string;
	/** Merkle root of these rows. */
	root: Hex;
	/** Ids of its rows. */
	ids: readonly string[];
}

/**
 * What is known of whether rows are those that an adapter learnt. `same`: the manifest names these very rows, or their root, or the hash
 * of their ids. `part`: of the rows it names some are missing here. `version`: it names this Datanet and another version of it, or none.
 * `other`: it names rows of which none is here. `elsewhere`: it names other Datanets. `unknown`: it names none.
 */
export type Belonging =
	| { kind: 'same' | 'version' | 'elsewhere' | 'unknown'; use: readonly string[] }
	| {
			kind: 'same' | 'part' | 'other';
			/** Those of the named rows that are here. */
			use: readonly string[];
			named: number;
	  };

/**
 * Holds rows against what an adapter's manifest says of its origin; undefined for an adapter without one. What nobody can check (a manifest
 * is its author's word, and which rows were held back from training it does not say) stays unsaid.
 */
export async function belonging(
	manifest: Pick<AdapterManifest, 'datanets'> | undefined,
	{ id, root, ids }: Chosen
): Promise<Belonging> {
	const named = manifest?.datanets ?? [];
	if (named.length === 0) return { kind: 'unknown', use: ids };
	const wanted = new Set(named.flatMap(({ rowIds }) => rowIds ?? []));
	if (wanted.size > 0) {
		const use = ids.filter((row) => wanted.has(row));
		const kind = use.length === wanted.size ? 'same' : use.length > 0 ? 'part' : 'other';
		return { kind, use, named: wanted.size };
	}
	const hash = named.some(({ rowsSha256 }) => rowsSha256) && (await hashOf(ids));
	if (named.some((one) => one.root === root || (hash && one.rowsSha256 === hash)))
		return { kind: 'same', use: ids };
	return { kind: named.some((one) => one.id === id) ? 'version' : 'elsewhere', use: ids };
}

/** From what says most against it to what says most for it. */
const KINDS: readonly Belonging['kind'][] = ['other', 'elsewhere', 'unknown', 'version', 'part', 'same'];

/**
 * The same for an adapter that was made of several Datanets: each is held against what the manifest says of it, the first against all that is
 * said of none of the others. The whole is what can be said of the least certain.
 * @param parts the first is the one that was chosen
 */
export async function belongingOfAll(
	manifest: Pick<AdapterManifest, 'datanets'> | undefined,
	parts: readonly Chosen[]
): Promise<Belonging> {
	const others = new Set(parts.slice(1).map(({ id }) => id));
	const said = (part: Chosen, place: number) =>
		manifest && {
			datanets: manifest.datanets.filter(({ id }) =>
				place === 0 ? id === undefined || !others.has(id) : id === part.id
			)
		};
	const found = await Promise.all(parts.map((part, place) => belonging(said(part, place), part)));
	const use = found.flatMap((one) => [...one.use]);
	const kind = KINDS.find((each) => found.some((one) => one.kind === each)) ?? 'unknown';
	const named = found.reduce((sum, one) => sum + ('named' in one ? one.named : one.use.length), 0);
	return kind === 'same' || kind === 'part' || kind === 'other' ? { kind, use, named } : { kind, use };
}

/** As manifests hash ids: ascending, each behind a line feed. */
async function hashOf(ids: readonly string[]): Promise<string> {
	const text = [...ids]
		.sort()
		.map((id) => `${id}\n`)
		.join('');
	const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
	return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
