import { meanState, type Sample } from '#workers/attribution/gradients.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { stateGraph } from '#workers/onnx/train/state-graph.ts';
import { nodeRunner } from './gradients.ts';

/** Cosine of the base's last hidden states, averaged over each sequence's tokens: [query][row] ("RepSim"). */
export async function hiddenSimilarity(
	read: ReadGraph,
	rows: readonly Sample[],
	queries: readonly Sample[]
): Promise<number[][]> {
	const graph = stateGraph(read.model);
	const runner = await nodeRunner(read, graph);
	const vectorOf = async (sample: Sample) => {
		const mean = await meanState(runner, graph.hidden, sample.ids);
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
