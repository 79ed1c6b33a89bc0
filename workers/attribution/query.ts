import type { AttributionIndex } from './attribution-index.ts';
import { DotProducts } from './dot-products.ts';
import type { Sample, SampleGradients } from './gradients.ts';
import { project, quantise } from './projection.ts';
import { topEntries, type Entry } from './shares.ts';
import { supportOf } from './support.ts';
import { Sketch } from './sketch.ts';

/** An index ready to be asked. */
export class AttributionQuery {
	readonly #index: AttributionIndex;
	readonly #sketch: Sketch;
	readonly #rows: DotProducts;

	constructor(index: AttributionIndex) {
		const { projection, rows, description } = index;
		this.#index = index;
		this.#sketch = new Sketch(description.features * description.rank, projection.width, projection.seed);
		this.#rows = new DotProducts(index.contributors.length, projection.dims);
		this.#rows.rows.set(rows);
	}

	/** The int8 query vectors of samples: a reply, and its sentences, in one batch. All zero where nothing pulls at the adapter. */
	async vectors(gradients: SampleGradients, samples: readonly Sample[]): Promise<Int8Array[]> {
		const found = await gradients.of(samples);
		return found.map(
			(gradient) => quantise(project(this.#index.projection, this.#sketch.of(gradient))).codes
		);
	}

	/** What a receipt says of a whole reply: its query vector, and how strongly the rows speak for it (support.ts). */
	async measure(gradients: SampleGradients, sample: Sample): Promise<{ query: Int8Array; support: number }> {
		const [gradient = new Float32Array(gradients.size)] = await gradients.of([sample]);
		const { projection, description } = this.#index;
		const sketch = this.#sketch.of(gradient);
		const { codes, scale } = quantise(project(projection, sketch));
		const support = supportOf(this.scores(codes), scale, sketch, description.support);
		return { query: codes, support };
	}

	/** Score of every row: int32, exact. */
	scores(query: Int8Array): Int32Array {
		return this.#rows.score(query);
	}

	/** What a query vector says of the index: the entries that are paid, and the score of all rows that are not. */
	evidence(query: Int8Array): { entries: Entry[]; tail: number } {
		const scores = this.scores(query);
		const entries = topEntries(scores, this.#index.contributors);
		let all = 0;
		for (const score of scores) all += score;
		// Rows that speak against a reply count as well: what is small and random adds up to little.
		const named = entries.reduce((sum, { score }) => sum + score, 0);
		return { entries, tail: Math.max(0, all - named) };
	}
}
