import type { Feed } from '#workers/attribution/gradients.ts';
import type { LossGraph } from '#workers/onnx/train/train-graph.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';
import * as node from 'onnxruntime-node';

/** Runs a gradient graph on onnxruntime's CPU kernels for Node; on all cores unless told. */
export function nodeRunner(read: ReadGraph, graph: Pick<LossGraph, 'model'>, threads = 0) {
	return apiRunner(node, read, graph, { intraOpNumThreads: threads });
}

/** Runs a gradient graph by the interface that onnxruntime's packages share. */
export async function apiRunner(
	{ InferenceSession, Tensor }: Pick<typeof node, 'InferenceSession' | 'Tensor'>,
	{ sources }: ReadGraph,
	{ model }: Pick<LossGraph, 'model'>,
	options: node.InferenceSession.SessionOptions
) {
	const { graph, weights, weightsPath } = writeModel(model);
	const data = joinSegments(weights, sources);
	const session = await InferenceSession.create(graph, {
		externalData: data.length ? [{ path: weightsPath, data }] : [],
		logSeverityLevel: 3,
		...options
	});
	return {
		async run(feeds: ReadonlyMap<string, Feed>, names: readonly string[]) {
			const tensors = Object.fromEntries(
				[...feeds].map(([name, { type, data, dims }]) => [name, new Tensor(type, data as never, dims)])
			);
			const outputs = await session.run(tensors, names);
			return names.map((name) => outputs[name]?.data as Float32Array);
		},
		dispose: () => session.release()
	};
}
