import { jaccard } from './shingles.ts';

/** Bands of rows of the signature: two texts of similarity s share a band with probability 1 − (1 − s^ROWS)^BANDS. */
const BANDS = 20;
const ROWS = 5;
const HASHES = BANDS * ROWS;

/** Least similarity that counts as nearly the same. */
export const NEAR = 0.8;

/** Members of one bucket that a newcomer is compared with: a bucket of a thousand equal texts needs no million pairs. */
const COMPARED = 12;

/** One constant for each hash function; fixed, so that the same rows give the same groups everywhere. */
const SEEDS = Uint32Array.from({ length: 2 * HASHES }, (_, i) => Math.imul(i + 1, 0x9e3779b1) ^ (i << 16));

/**
 * MinHash signature of a set of shingles (Broder 1997): for each hash function the least value. Two sets agree in each
 * place with the probability of their Jaccard similarity.
 */
function signatureOf(shingles: Uint32Array, into: Uint32Array): void {
	into.fill(0xffffffff);
	for (const shingle of shingles)
		for (let i = 0; i < HASHES; i++) {
			let hash = Math.imul(shingle ^ (SEEDS[2 * i] ?? 0), (SEEDS[2 * i + 1] ?? 0) | 1);
			hash = (hash ^ (hash >>> 15)) >>> 0;
			if (hash < (into[i] ?? 0)) into[i] = hash;
		}
}

/**
 * Collects texts and groups those that are nearly the same, by locality-sensitive hashing (Leskovec, Rajaraman and
 * Ullman, "Mining of Massive Datasets", §3.4). Every pair that LSH proposes is compared exactly, so nothing is called
 * similar that is not; at similarity 0.8 a pair is missed with probability (1 − 0.8^5)^20 = 0.0004.
 */
export class NearDuplicates {
	#count = 0;
	#bands = new Uint32Array(BANDS * 1024);
	readonly #shingles: Uint32Array[] = [];
	readonly #signature = new Uint32Array(HASHES);

	/** Takes the next text's shingles; texts are numbered from 0 in the order in which they come. */
	add(shingles: Uint32Array): void {
		if ((this.#count + 1) * BANDS > this.#bands.length) {
			const more = new Uint32Array(this.#bands.length * 2);
			more.set(this.#bands);
			this.#bands = more;
		}
		signatureOf(shingles, this.#signature);
		for (let band = 0; band < BANDS; band++) {
			let hash = band;
			for (let row = 0; row < ROWS; row++)
				hash = Math.imul(hash ^ (this.#signature[band * ROWS + row] ?? 0), 0x01000193) ^ (hash >>> 13);
			this.#bands[this.#count * BANDS + band] = hash >>> 0;
		}
		this.#shingles.push(shingles);
		this.#count++;
	}

	/**
	 * Groups texts of which each is at least NEAR to another of its group. Yields after each band, for progress; the
	 * group of text i is the number of its first member, or −1 where it is alone.
	 */
	*groups(): Generator<{ done: number; total: number }, Int32Array> {
		const parent = Int32Array.from({ length: this.#count }, (_, i) => i);
		const find = (text: number): number => {
			let root = text;
			while ((parent[root] ?? root) !== root) root = parent[root] ?? root;
			while ((parent[text] ?? root) !== root) {
				const next = parent[text] ?? root;
				parent[text] = root;
				text = next;
			}
			return root;
		};
		for (let band = 0; band < BANDS; band++) {
			const buckets = new Map<number, number[]>();
			for (let text = 0; text < this.#count; text++) {
				const shingles = this.#shingles[text];
				if (!shingles || shingles.length === 0) continue;
				const key = this.#bands[text * BANDS + band] ?? 0;
				const bucket = buckets.get(key);
				if (!bucket) {
					buckets.set(key, [text]);
					continue;
				}
				const joined = bucket.some((other) => find(other) === find(text));
				if (!joined)
					for (const other of bucket) {
						if (find(other) === find(text)) continue;
						if (jaccard(shingles, this.#shingles[other] ?? shingles) < NEAR) continue;
						const [low, high] = [find(other), find(text)].sort((a, b) => a - b) as [number, number];
						parent[high] = low;
					}
				// One member of a group stands for it; others only where the bucket holds different texts.
				if (!joined && bucket.length < COMPARED && !bucket.some((other) => find(other) === find(text)))
					bucket.push(text);
			}
			yield { done: band + 1, total: BANDS };
		}
		const sizes = new Int32Array(this.#count);
		for (let text = 0; text < this.#count; text++) sizes[find(text)] = (sizes[find(text)] ?? 0) + 1;
		return Int32Array.from({ length: this.#count }, (_, text) =>
			(sizes[find(text)] ?? 0) > 1 ? find(text) : -1
		);
	}
}
