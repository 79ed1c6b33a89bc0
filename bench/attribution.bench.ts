import { DotProducts } from '#workers/attribution/numerics/dot-products.ts';
import { INDEX_FORMAT, type AttributionIndex } from '#workers/attribution/index/attribution-index.ts';
import { LENGTHS } from '#workers/attribution/index/build-index.ts';
import {
	ATTENTION,
	DIRECTIONS,
	FIRST_BLOCK,
	replySample,
	SampleGradients,
	STRENGTH,
	wasmRunner
} from '#workers/attribution/gradients.ts';
import { writeIndex } from '#workers/attribution/index/index-file.ts';
import { unpackedGraph } from '#workers/engine/serve-graph.ts';
import { AttributionQuery } from '#workers/attribution/query.ts';
import { seededRandom } from '#test/support/random.ts';
import { logSumExp } from '#workers/runtime/candidates.ts';
import { chooseProvider, type Job } from '#workers/runtime/choose-provider.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { probeDevice } from '#workers/runtime/probe.ts';
import { randomAdapter, randomInputs } from './support/adapter.ts';
import { inChild } from './support/child.ts';
import { openShape, readShapeGraph } from './support/models.ts';
import { softwareVulkan } from './support/software-vulkan.ts';
import { median, spread, time } from './support/statistics.ts';
import { tenThousand } from './support/ten-thousand.ts';

const PROMPT = 24;
const REPLY = 128;
const CONTRIBUTIONS = 10_000;
const ROUNDS = 7;

/** By name: `npm run bench -- attribution:rows` builds an index of 10,000 rows, `attribution:providers` compares execution providers. */
export const parts = { rows: tenThousand, providers };

/** Replies of each example adapter whose receipts are checked on every execution provider. */
const CHECKED = 4;

function providers(): Promise<object> {
	const module = new URL('support/providers.ts', import.meta.url).href;
	return Promise.resolve({ providers: inChild(module, { replies: CHECKED }, softwareVulkan()) });
}

/**
 * What attribution costs: after a reply of 128 tokens (nano, one adapter of rank 8) lift, query vector and the scores of 10,000
 * contributions, against the time the reply took. On wasm, each on as many threads as the app gives it in an isolated page, and with
 * attribution on one thread, as without isolation; in milliseconds of all processors too. How likely the adapter finds the reply is
 * known from decoding: what that costs there counts as attribution. Besides, the scoring of 100,000 rows of 1 KB by itself.
 */
export async function run(): Promise<object> {
	const { read: stored, bytes } = readShapeGraph('nano');
	const probe = await probeDevice();
	const threadsFor = (job: Job) =>
		chooseProvider(probe, { weightBytes: bytes, features: [] }, 'wasm', job).threads;
	const threads = { generation: threadsFor('chat'), attribution: threadsFor('work') };
	const { decoder, slots } = await openShape('nano', undefined, threads.generation);
	const adapter = decoder.upload(randomInputs(slots, 8, 1));
	const prompt = Array.from({ length: PROMPT }, (_, i) => 5 + i * 37);
	const reply = Array.from({ length: REPLY }, (_, i) => 9 + ((i * 53) % 3000));
	const generate = async () => {
		const state = decoder.createState();
		await decoder.run(state, [prompt], { adapters: [adapter] });
		for (const token of reply) await decoder.run(state, [[token]], { adapters: [adapter] });
		state.dispose();
	};
	const read = unpackedGraph(stored);
	const logits = Float32Array.from({ length: decoder.shape.vocabSize }, (_, i) => Math.sin(i) * 9);
	const gradientsOn = async (count: number) => {
		const ort = await Ort.start({ build: 'wasm', threads: count });
		return SampleGradients.create(read, randomAdapter(slots, 8, 1), (graph) => wasmRunner(ort, read, graph));
	};
	const [gradients, onOne] = [await gradientsOn(threads.attribution), await gradientsOn(1)];
	const index = madeUpIndex(gradients);
	const query = new AttributionQuery(index);
	const attribute = (by: SampleGradients) => async () => {
		let logLikelihood = 0;
		for (let token = 0; token < REPLY; token++) logLikelihood -= logSumExp(logits, 1);
		query.evidence((await query.measure(by, replySample(prompt, reply), logLikelihood)).query);
	};
	const timed = (work: () => Promise<void>) => ({ work, wall: [] as number[], processor: [] as number[] });
	const measured = {
		generation: timed(generate),
		attribution: timed(attribute(gradients)),
		one_thread: timed(attribute(onOne))
	};
	for (let round = -2; round < ROUNDS; round++)
		for (const { work, wall, processor } of Object.values(measured)) {
			const before = process.cpuUsage();
			const taken = await time(work);
			const { user, system } = process.cpuUsage(before);
			if (round < 0) continue;
			wall.push(taken);
			processor.push((user + system) / 1000);
		}
	const over = (part: keyof typeof measured, clock: 'wall' | 'processor') =>
		measured[part][clock].map((value, i) => value / (measured.generation[clock][i] ?? NaN));
	const ratios = over('attribution', 'wall');

	const many = new DotProducts(100_000, 1024);
	many.rows.set(index.rows.subarray(0, index.rows.length));
	const scoring: number[] = [];
	for (let round = 0; round < 12; round++)
		scoring.push(await time(() => many.score(index.rows.slice(0, 1024))));
	return {
		time_over_generation_wasm: median(ratios),
		score_100k_ms: median(scoring),
		bytes_per_contribution: index.projection.dims,
		time_over_generation_one_thread: median(over('one_thread', 'wall')),
		processor_over_generation: median(over('attribution', 'processor')),
		processor_over_generation_one_thread: median(over('one_thread', 'processor')),
		threads,
		generation_ms: median(measured.generation.wall),
		attribution_ms: median(measured.attribution.wall),
		one_thread_ms: median(measured.one_thread.wall),
		index_mb: writeIndex(index).length / 1e6,
		contributions: CONTRIBUTIONS,
		time_over_generation_spread: spread(ratios),
		score_100k_spread: spread(scoring)
	};
}

/** An index of the largest size, with random numbers: how long it takes does not depend on them. */
function madeUpIndex({ features, rank }: SampleGradients): AttributionIndex {
	const random = seededRandom(4);
	const [dims, width] = [1024, 32_640];
	const int8 = (length: number) => Int8Array.from({ length }, () => random() * 254 - 127);
	const zero = `0x${'0'.repeat(64)}` as const;
	return {
		description: {
			format: INDEX_FORMAT,
			base: '',
			adapter: { config: '', weights: '' },
			features,
			rank,
			directions: DIRECTIONS,
			attention: ATTENTION,
			firstBlock: FIRST_BLOCK,
			strength: STRENGTH,
			seed: 1,
			width,
			dims,
			basisBits: 4,
			landmarks: dims,
			credited: CONTRIBUTIONS,
			lengths: LENGTHS,
			damping: 1,
			contributions: zero
		},
		projection: {
			seed: 1,
			width,
			dims,
			bits: 4,
			bucketScales: new Float32Array(width).fill(1),
			basis: new Uint8Array(int8((dims * width) / 2).buffer),
			basisScales: new Float32Array(dims).fill(0.01)
		},
		rows: int8(CONTRIBUTIONS * dims),
		contributors: Uint32Array.from({ length: CONTRIBUTIONS }, (_, i) => 1 + (i % 300)),
		ids: new Array<typeof zero>(CONTRIBUTIONS).fill(zero),
		root: zero
	};
}
