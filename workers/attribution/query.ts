import type { AttributionIndex } from './index/attribution-index.ts';
import { DotProducts } from './numerics/dot-products.ts';
import type { Sample, SampleGradients } from './gradients.ts';
import { Projector, quantise } from './index/projection.ts';
import { topEntries, type Entry } from './receipts/shares.ts';
import { supportOf } from './support.ts';
import { Sketch } from './index/sketch.ts';

/** An index ready to be asked. */
export class AttributionQuery {
	readonly #index: AttributionIndex;
	readonly #sketch: Sketch;
	readonly #projector: Projector;
	readonly #rows: DotProducts;
	/** How much a reply's prompt counts. */
	readonly #prompt: number;
	static readonly #ready = new WeakMap<AttributionIndex, AttributionQuery>();

	/** One for each index, as long as that is kept: rows and basis are copied to where the kernels read them, 26 MB for 10,000 rows. */
	static of(index: AttributionIndex): AttributionQuery {
		const query = this.#ready.get(index) ?? new AttributionQuery(index);
		this.#ready.set(index, query);
		return query;
	}

	constructor(index: AttributionIndex) {
		const { projection, rows, description } = index;
		this.#index = index;
		this.#prompt = description.promptOfReplies ?? 0;
		this.#sketch = new Sketch(description.features * description.rank, projection.width, projection.seed);
		this.#projector = new Projector(projection);
		this.#rows = new DotProducts(index.contributors.length, projection.dims);
		this.#rows.rows.set(rows);
	}

	/** The int8 query vectors of samples, parts of a reply, in one batch. All zero where nothing pulls at the adapter. */
	async vectors(gradients: SampleGradients, samples: readonly Sample[]): Promise<Int8Array[]> {
		const found = await gradients.of(samples, this.#prompt);
		return found.map((gradient) => quantise(this.#projector.coordinates(this.#sketch.of(gradient))).codes);
	}

	/**
	 * What a receipt says of a whole reply: its query vector; its lift, ln p(reply | prompt) with the adapter less without it, in nats; and
	 * how strongly the rows speak for it (support.ts).
	 *
	 * @param logLikelihood ln p(reply | prompt) with the adapter, where it is known; it costs a forward pass to measure
	 */
	async measure(
		gradients: SampleGradients,
		sample: Sample,
		logLikelihood?: number
	): Promise<{ query: Int8Array; lift: number; support: number }> {
		const samples = [sample];
		const [{ gradient, baseLoss } = { gradient: new Float32Array(gradients.size), baseLoss: NaN }] =
			await gradients.measure(samples, this.#prompt);
		const loss = logLikelihood === undefined ? (await gradients.losses(samples, 1))[0] : -logLikelihood;
		const sketch = this.#sketch.of(gradient);
		const { codes, scale } = quantise(this.#projector.coordinates(sketch));
		const support = supportOf(this.scores(codes), scale, sketch, this.#index.description.support);
		return { query: codes, lift: baseLoss - (loss ?? NaN), support };
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
