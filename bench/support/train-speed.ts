import { evaluateGraph, trainGraph } from '#workers/onnx/train/train-graph.ts';
import { arbitraryFeeds, loadEngine, openLoss } from './loss-session.ts';
import { readShapeGraph } from './models.ts';
import { time } from './statistics.ts';

const [BATCH, LENGTH, RANK] = [4, 128, 8];

export interface Timings {
	/** Tokens/s of a training step over those of the forward loss. */
	train: number;
	/** The same with each layer computed again on the way back. */
	recompute: number;
	forward_tokens_per_s: number;
	train_tokens_per_s: number;
	/** Milliseconds of every round, in order. */
	rounds: Record<string, number[]>;
}

/**
 * Speed of nano's training graph (4-bit weights, LoRA of rank 8 on every linear, 4 × 128 tokens) against that of the base's
 * forward loss, on one thread. Rounds alternate and the fastest of each counts: it is the one least disturbed.
 */
export async function measure({
	engine,
	rounds
}: {
	engine: 'cpu' | 'wasm';
	rounds: number;
}): Promise<Timings> {
	const { read } = readShapeGraph('nano');
	const lora = { rank: RANK };
	const train = trainGraph(read.model, { lora });
	const graphs = {
		forward: evaluateGraph(read.model),
		train,
		recompute: trainGraph(read.model, { lora, recompute: 'layers' })
	};
	const feeds = arbitraryFeeds(BATCH, LENGTH, 4096, train.layout);
	const ort = await loadEngine(engine);
	const sessions = await Promise.all(
		Object.entries(graphs).map(async ([name, graph]) => ({
			name,
			run: await openLoss(ort, graph, read.sources, { executionProviders: [engine] })
		}))
	);
	const times: Record<string, number[]> = {};
	for (let round = 0; round <= rounds; round++)
		for (const { name, run } of sessions) {
			const elapsed = await time(() => run(feeds));
			if (round > 0) (times[name] ??= []).push(Math.round(elapsed * 10) / 10);
		}
	const best = (name: string) => Math.min(...(times[name] ?? []));
	const ratio = (name: string) => Number((best('forward') / best(name)).toPrecision(3));
	const speed = (name: string) => Math.round((BATCH * LENGTH * 1000) / best(name));
	return {
		train: ratio('train'),
		recompute: ratio('recompute'),
		forward_tokens_per_s: speed('forward'),
		train_tokens_per_s: speed('train'),
		rounds: times
	};
}
