import type { GraphRunner } from '#workers/attribution/gradients.ts';
import type { LossGraph } from '#workers/onnx/train/train-graph.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';
import * as node from 'onnxruntime-node';

/** Runs a gradient graph on onnxruntime's CPU kernels for Node. */
export async function nodeRunner({ sources }: ReadGraph, { model }: LossGraph): Promise<GraphRunner> {
	const { graph, weights, weightsPath } = writeModel(model);
	const data = joinSegments(weights, sources);
	const session = await node.InferenceSession.create(graph, {
		externalData: data.length ? [{ path: weightsPath, data }] : [],
		logSeverityLevel: 3
	});
	return {
		async run(feeds, name) {
			const tensors = Object.fromEntries(
				[...feeds].map(([name, { type, data, dims }]) => [name, new node.Tensor(type, data as never, dims)])
			);
			return (await session.run(tensors, [name]))[name]?.data as Float32Array;
		},
		dispose: () => session.release()
	};
}
