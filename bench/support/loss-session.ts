import type { Values } from '#test/support/onnx/run-decoder.ts';
import { parameterVector, trainingFeeds } from '#test/support/onnx/training.ts';
import type { ByteSource } from '#workers/bytes.ts';
import { uniform } from '#workers/generate/random.ts';
import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import type { LossGraph } from '#workers/onnx/train/train-graph.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type * as Web from 'onnxruntime-web';

type Api = Pick<typeof Web, 'InferenceSession' | 'Tensor'>;

/** onnxruntime of one kind, on one thread. */
export async function loadEngine(engine: 'cpu' | 'wasm'): Promise<Api> {
	if (engine === 'cpu') return (await import('onnxruntime-node')) as unknown as Api;
	const web = await import('onnxruntime-web');
	web.env.wasm.numThreads = 1;
	return web;
}

/** Opens a loss graph; returns a function that feeds it what it asks for. */
export async function openLoss(
	{ InferenceSession, Tensor }: Api,
	{ model }: Pick<LossGraph, 'model'>,
	sources: ReadonlyMap<string, ByteSource>,
	options: Web.InferenceSession.SessionOptions
) {
	const { graph, weights, weightsPath } = writeModel(model);
	const data = joinSegments(weights, sources);
	const session = await InferenceSession.create(graph, {
		externalData: data.length > 0 ? [{ path: weightsPath, data }] : [],
		logSeverityLevel: 3,
		intraOpNumThreads: 1,
		...options
	});
	return (feeds: Record<string, Values>) => {
		const tensor = ({ data, dims }: Values) => {
			const type = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
			return new Tensor(type, data as never, dims);
		};
		return session.run(
			Object.fromEntries(session.inputNames.map((name) => [name, tensor(feeds[name] as Values)]))
		);
	};
}

/** A batch of arbitrary tokens, every one with a label, and small arbitrary parameters. */
export function arbitraryFeeds(
	batch: number,
	length: number,
	vocab: number,
	layout: ParameterLayout
): Record<'input_ids' | 'parameters' | 'scale', Values> & Record<string, Values> {
	const rows = Array.from({ length: batch }, (_, row) => ({
		sequences: [Array.from({ length }, (_, i) => Math.floor(uniform(row + 1, i) * vocab))]
	}));
	let index = 0;
	const parameters = parameterVector(layout, (_, [rows = 0, columns = 0]) =>
		Float32Array.from({ length: rows * columns }, () => (uniform(99, index++) - 0.5) * 0.04)
	);
	const scale: Values = { data: Float32Array.of(2), dims: [] };
	const feeds = trainingFeeds(rows);
	return { ...feeds, input_ids: feeds.input_ids as Values, parameters, scale };
}
