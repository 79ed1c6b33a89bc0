import { existsSync, readFileSync } from 'node:fs';
import { buildIndex } from '#workers/attribution/build-index.ts';
import { SampleGradients } from '#workers/attribution/gradients.ts';
import { AttributionQuery } from '#workers/attribution/query.ts';
import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { bm25 } from './support/bm25.ts';
import { nodeRunner } from './support/gradients.ts';
import {
	average,
	interval,
	ldsOf,
	noiseCeiling,
	pairSample,
	trainLora,
	type GroundTruth
} from './support/lds.ts';

const shared = new URL('../../shared/', import.meta.url).pathname;
const file = `${shared}data/lds-anatomy/truth.json`;

/** Queries of that ground truth: trained rows in other words, then rows that nothing was trained on. */
const TRAINED = 20;

/**
 * Linear datamodeling score of the int8 index as it ships, against a ground truth made by another code base (PyTorch): 80 halves of
 * 200 rows, two seeds. Needs ../shared.
 */
export async function run(): Promise<object> {
	if (!existsSync(file)) throw new Error(`this benchmark needs ${file}`);
	const truth = JSON.parse(readFileSync(file, 'utf8')) as GroundTruth;
	const { config, weights } = openCheckpoint((name) => openNodeFile(`${shared}models/nano/${name}`));
	const read = { model: buildDecoder(config, weights, { dtype: 'fp32' }), sources: new Map() };
	const rows = truth.rows.map((pair) => pairSample(pair));
	const queries = truth.queries.map((pair) => pairSample(pair));
	const adapter = await trainLora(read, rows, 0);
	const gradients = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
	const index = await buildIndex(
		gradients,
		rows.map((sample, i) => ({
			id: `0x${i.toString(16).padStart(64, '0')}`,
			contributor: i + 1,
			samples: [sample]
		})),
		{ base: '', adapter: { config: '', weights: '' } }
	);
	const query = new AttributionQuery(index);
	const scores: Int32Array[] = [];
	for (let at = 0; at < queries.length; at += 8)
		for (const vector of await query.vectors(gradients, queries.slice(at, at + 8)))
			scores.push(query.scores(vector));
	await gradients.dispose();

	const ours = ldsOf(scores, truth);
	const lexical = ldsOf(
		bm25(
			truth.rows.map((pair) => pair.join(' ')),
			truth.queries.map((pair) => pair.join(' '))
		),
		truth
	);
	const numbers = truth.queries.map((_, i) => i);
	const [trained, held] = [numbers.slice(0, TRAINED), numbers.slice(TRAINED)];
	const of = (all: number[], some: number[]) => some.map((i) => all[i] ?? NaN);
	return {
		lds_independent: average(of(ours, held)),
		lds_independent_interval: interval(of(ours, held)),
		lds_independent_trained: average(of(ours, trained)),
		bm25_independent: average(of(lexical, held)),
		bm25_independent_trained: average(of(lexical, trained)),
		noise_ceiling_independent: noiseCeiling(truth, held),
		rows: truth.rows.length,
		queries: truth.queries.length,
		models: truth.masks.length,
		bytes_a_row: index.description.dims,
		basis_bytes: index.projection.basis.length
	};
}
