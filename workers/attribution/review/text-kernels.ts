/** Lengths of the runs of characters that texts are compared by. */
const RUNS = [3, 4, 5];

/** Feature number → weight, together of length 1. */
type Vector = Map<number, number>;

/**
 * How much texts have in common: dot products of TF-IDF vectors of length 1 over runs of three to five characters within words, so that a
 * word's forms and kin count too. What all texts have counts nothing.
 */
export class TextVectors {
	readonly #vectors: Vector[];

	constructor(texts: readonly string[]) {
		const numbers = new Map<string, number>();
		const holding: number[] = [];
		const counts = texts.map((text) => {
			const count: Vector = new Map();
			for (const run of runsOf(text)) {
				const number = numbers.get(run) ?? numbers.size;
				numbers.set(run, number);
				count.set(number, (count.get(number) ?? 0) + 1);
			}
			for (const number of count.keys()) holding[number] = (holding[number] ?? 0) + 1;
			return count;
		});
		this.#vectors = counts.map((count) => {
			const vector: Vector = new Map();
			let squares = 0;
			for (const [number, f] of count) {
				const weight = (1 + Math.log(f)) * Math.log((1 + texts.length) / (1 + (holding[number] ?? 0)));
				if (weight <= 0) continue;
				vector.set(number, weight);
				squares += weight * weight;
			}
			for (const [number, weight] of vector) vector.set(number, weight / Math.sqrt(squares));
			return vector;
		});
	}

	/** Dot products of the texts [from, from + count) with those [other, other + count): [count, count]. */
	products(count: number, from = 0, other = from): Float64Array {
		const holders = new Map<number, [at: number, weight: number][]>();
		for (let j = 0; j < count; j++)
			for (const [number, weight] of this.#vectors[other + j] ?? []) {
				const list = holders.get(number);
				if (list) list.push([j, weight]);
				else holders.set(number, [[j, weight]]);
			}
		const found = new Float64Array(count * count);
		for (let i = 0; i < count; i++)
			for (const [number, weight] of this.#vectors[from + i] ?? [])
				for (const [j, theirs] of holders.get(number) ?? [])
					found[i * count + j] = (found[i * count + j] as number) + weight * theirs;
		return found;
	}
}

function* runsOf(text: string): Generator<string> {
	for (const word of text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? []) {
		const marked = `^${word}$`;
		for (const length of RUNS)
			for (let at = 0; at + length <= marked.length; at++) yield marked.slice(at, at + length);
	}
}
