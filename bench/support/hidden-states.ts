import type { Sample } from '#workers/attribution/gradients.ts';
import { sampleFeeds } from '#workers/attribution/gradients.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { lowerDecoder } from '#workers/onnx/lower/decoder.ts';
import { prune } from '#workers/onnx/prune.ts';
import { nodeRunner } from './gradients.ts';

/** Cosine of the base's last hidden states, averaged over each sequence's tokens: [query][row] ("RepSim"). */
export async function hiddenSimilarity(
	read: ReadGraph,
	rows: readonly Sample[],
	queries: readonly Sample[]
): Promise<number[][]> {
	const { model, head } = lowerDecoder(read.model);
	const size = head.linear.inFeatures;
	model.graph.outputs = [];
	model.graph.node('Identity', [head.x], ['hidden']);
	model.graph.output('hidden', 'float32', ['tokens', size]);
	prune(model.graph);
	const runner = await nodeRunner(read, { model });
	const vectorOf = async (sample: Sample) => {
		const feeds = sampleFeeds([sample]);
		for (const name of ['labels', 'weights']) feeds.delete(name);
		const [states = new Float32Array()] = await runner.run(feeds, ['hidden']);
		const mean = new Float32Array(size);
		states.forEach((value, i) => (mean[i % mean.length] = (mean[i % mean.length] ?? 0) + value));
		const length = Math.hypot(...mean);
		return mean.map((value) => value / length);
	};
	const vectors: Float32Array[] = [];
	for (const row of rows) vectors.push(await vectorOf(row));
	const result: number[][] = [];
	for (const query of queries) {
		const asked = await vectorOf(query);
		result.push(vectors.map((vector) => vector.reduce((sum, value, i) => sum + value * (asked[i] ?? 0), 0)));
	}
	await runner.dispose();
	return result;
}
