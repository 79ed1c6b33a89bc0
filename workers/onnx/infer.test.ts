import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { decoderModel, type DecoderOptions } from '#test/support/onnx/decoder-model.ts';
import { inferShapes } from './infer.ts';
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

test.each(LAYOUTS)('shapes and types are those that onnxruntime computes: %j', async (layout) => {
	const { graph, ...model } = decoderModel(layout);
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
		if (layout.numLogitsToKeep && /Slice|lm_head|logits/.test(name)) continue;
		expect(found?.dims, name).toEqual(wanted?.dims);
	}
});
