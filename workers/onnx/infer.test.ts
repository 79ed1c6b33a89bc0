import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { decoderModel, type DecoderOptions } from '#test/support/onnx/decoder-model.ts';
import { randomDecoderConfig } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { inferShapes } from './infer.ts';
import { createModel, type Model } from './model.ts';
import { joinSegments } from './segments.ts';
import { writeModelFile } from './write.ts';

// GroupQueryAttention takes one row at a time when it continues with several tokens.
const LENGTHS = { batch_size: 1, sequence_length: 3, past_sequence_length: 4, total_sequence_length: 7 };

const LAYOUTS: Partial<DecoderOptions>[] = [
	{},
	{ packed: true },
	{ linear: 'q4', rotary: 'node', numLogitsToKeep: true },
	{ linear: 'gemm', qkvBias: true, qkNorm: true },
	{ layout: 'decomposed', packed: true },
	{ layout: 'decomposed', linear: 'gemm', qkNorm: true, qkvBias: true }
];

const config = { ...randomDecoderConfig('llama', seededRandom(2)), hidden: 64, tied: true };

/** Rows of a table with two 4-bit values in a byte. */
function packedTable(): Model {
	const model = createModel('table');
	const { graph } = model;
	graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
	graph.initializer('table', 'uint8', [5, 32], new Uint8Array(160));
	graph.initializer('scales', 'float32', [5, 2], new Float32Array(10));
	const attributes = { bits: 4, block_size: 32, gather_axis: 0, quantize_axis: 1 };
	graph.node('GatherBlockQuantized', ['table', 'input_ids', 'scales'], ['rows'], attributes, 'com.microsoft');
	graph.output('rows', 'float32', ['batch_size', 'sequence_length', 64]);
	return model;
}

test.each([
	['a packed table', packedTable()] as const,
	...LAYOUTS.map((layout) => [JSON.stringify(layout), decoderModel(layout)] as const),
	...(['q4', 'q8'] as const).map(
		(dtype) => [`built, ${dtype}`, buildDecoder(config, randomWeights(config, 1), { dtype })] as const
	)
])('shapes and types are those that onnxruntime computes: %s', async (_, { graph, ...model }) => {
	const types = inferShapes(graph, LENGTHS);
	const names = [...graph.nodes].flatMap((node) => node.outputs).filter((name) => name !== '');
	// Every value becomes an output, so that onnxruntime tells what it was.
	for (const name of names) {
		const type = types.get(name);
		if (!graph.isOutput(name)) graph.output(name, type?.dataType ?? 'float32', []);
	}
	graph.outputs = graph.outputs.map(({ name, dataType }) => ({ name, dataType, dims: undefined }));
	const bytes = joinSegments(writeModelFile({ ...model, graph }).segments, new Map());
	const session = await InferenceSession.create(bytes, {
		graphOptimizationLevel: 'disabled',
		logSeverityLevel: 3
	});
	const feeds = graph.inputs.map(({ name, dataType, dims }) => {
		const shape = (dims ?? []).map((dim) => LENGTHS[dim as keyof typeof LENGTHS] ?? Number(dim));
		const count = shape.reduce((product, dim) => product * dim, 1);
		const data = dataType === 'int64' ? new BigInt64Array(count).fill(1n) : new Float32Array(count);
		return [name, new Tensor(dataType as 'int64', data as BigInt64Array, shape)] as const;
	});
	const outputs = await session.run(Object.fromEntries(feeds));
	for (const name of names) {
		const found = types.get(name);
		const wanted = outputs[name];
		expect(found?.dataType, name).toBe(wanted?.type);
		// How many positions num_logits_to_keep leaves is known only when the graph runs.
		if (graph.isInput('num_logits_to_keep') && /Slice|keep|lm_head|logits/.test(name)) continue;
		expect(found?.dims, name).toEqual(wanted?.dims);
	}
});
