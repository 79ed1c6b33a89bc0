import type { AttributionIndex } from '#workers/attribution/index/attribution-index.ts';
import { buildIndex, type IndexRow } from '#workers/attribution/index/build-index.ts';
import { replySample, SampleGradients } from '#workers/attribution/gradients.ts';
import { AttributionQuery } from '#workers/attribution/query.ts';
import { sharesOf, unattributedScore, WHOLE } from '#workers/attribution/receipts/shares.ts';
import { NearDuplicates } from '#workers/datanets/checks/near-duplicates.ts';
import { shinglesOf } from '#workers/datanets/checks/shingles.ts';
import { nodeRunner } from './gradients.ts';
import { pairSample, questionTokens, replyTokens, type Pair } from './lds.ts';
import type { Retrainer } from './retrain.ts';

/** An adapter with its index: every row has a contributor of its own, number + 1. */
export class Attributed {
	readonly gradients: SampleGradients;
	readonly index: AttributionIndex;
	/** What the index was made of. */
	readonly rows: readonly IndexRow[];
	readonly #query: AttributionQuery;

	private constructor(gradients: SampleGradients, index: AttributionIndex, rows: readonly IndexRow[]) {
		this.gradients = gradients;
		this.rows = rows;
		this.index = index;
		this.#query = new AttributionQuery(index);
	}

	/** Indexes the rows of a trained adapter as the app does: near-duplicates have one credit. */
	static async create(
		retrainer: Retrainer,
		parameters: Float32Array,
		rows: readonly Pair[]
	): Promise<Attributed> {
		const gradients = await SampleGradients.create(retrainer.read, retrainer.adapter(parameters), (graph) =>
			nodeRunner(retrainer.read, graph)
		);
		const contributions = rows.map((pair, i) => ({
			id: `0x${i.toString(16).padStart(64, '0')}` as const,
			contributor: i + 1,
			samples: [pairSample(pair)]
		}));
		const index = await buildIndex(gradients, contributions, {
			base: '',
			adapter: { config: '', weights: '' },
			groups: groupsOf(rows)
		});
		return new Attributed(gradients, index, contributions);
	}

	/** Score of every row for each pair: [pair][row]. */
	async scores(pairs: readonly Pair[]): Promise<Int32Array[]> {
		const result: Int32Array[] = [];
		for (let at = 0; at < pairs.length; at += 8) {
			const samples = pairs.slice(at, at + 8).map((pair) => pairSample(pair));
			for (const vector of await this.#query.vectors(this.gradients, samples))
				result.push(this.#query.scores(vector));
		}
		return result;
	}

	/** Share of a reply that goes to each row, 0 to 1: what a receipt would say. [row] */
	async shares([prompt, reply]: Readonly<Pair>): Promise<Float64Array> {
		const [asked, said] = [questionTokens(prompt), replyTokens(reply)];
		const {
			query,
			support,
			lift: nats
		} = await this.#query.measure(this.gradients, replySample(asked, said));
		const { entries, tail } = this.#query.evidence(query);
		const lift = Math.round(nats * 1e6);
		const unattributed = unattributedScore(entries, tail, { lift, tokens: said.length, support });
		const shares = new Float64Array(this.index.contributors.length);
		for (const { id, weight } of sharesOf(entries, unattributed)) if (id > 0) shares[id - 1] = weight / WHOLE;
		return shares;
	}

	dispose(): Promise<void> {
		return this.gradients.dispose();
	}
}

function groupsOf(rows: readonly Pair[]): Int32Array {
	const near = new NearDuplicates();
	for (const pair of rows) near.add(shinglesOf(pair.join('\n')));
	const groups = near.groups();
	for (;;) {
		const { done, value } = groups.next();
		if (done) return value;
	}
}
