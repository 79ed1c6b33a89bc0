import type { Engine } from '#test/support/run-decoder.ts';
import type { Model } from '#workers/onnx/model.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';

/** Values and shape of a tensor to feed or that came out. */
export interface Values {
	data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint16Array;
	dims: number[];
}

/** A session over a model whose weights are all in memory. */
export async function openModel(model: Model, engine: Engine) {
	const { graph, weights, weightsPath } = writeModel(model);
	const data = joinSegments(weights, new Map());
	const { InferenceSession, Tensor } = engine.ort;
	const session = await InferenceSession.create(graph, {
		externalData: data.length ? [{ path: weightsPath, data }] : [],
		executionProviders: [engine.provider],
		logSeverityLevel: 3
	});
	const tensor = ({ data, dims }: Values) => {
		if (data instanceof Float32Array) return new Tensor('float32', data, dims);
		if (data instanceof Float64Array) return new Tensor('float64', data, dims);
		if (data instanceof BigInt64Array) return new Tensor('int64', data, dims);
		if (data instanceof Int32Array) return new Tensor('int32', data, dims);
		return new Tensor('float16', data as never, dims);
	};
	return {
		inputs: session.inputNames,
		async run(feeds: Record<string, Values>): Promise<Record<string, Values>> {
			const entries = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
			const outputs = await session.run(
				Object.fromEntries(entries.map(([name, values]) => [name, tensor(values)]))
			);
			return Object.fromEntries(
				Object.entries(outputs).map(([name, { data, dims }]) => [
					name,
					{ data: data as Float32Array, dims: [...dims] }
				])
			);
		},
		close: () => session.release()
	};
}

export type Running = Awaited<ReturnType<typeof openModel>>;

export const int64 = (values: readonly number[], dims: number[]): Values => ({
	data: BigInt64Array.from(values.map(BigInt)),
	dims
});

/** The part of a DecoderInfo that tells what to feed. */
export interface DecoderShape {
	layers: number;
	kvHeads: number;
	headDim: number;
	kvType?: 'float32' | 'float16';
	inputs?: { ids: { dataType: string } };
}

/**
 * Runs rows of equal length through a decoder, first all but the last `steps` tokens at once, then one by one.
 * Returns the logits of every run, and the last keys and values. `extra` are more feeds (adapters, lengths to keep).
 */
export async function decode(
	session: Running,
	rows: readonly number[][],
	steps: number,
	shape: DecoderShape,
	extra: Record<string, Values> = {}
): Promise<{ logits: Values[]; cache: Record<string, Values> }> {
	const batch = rows.length;
	const length = rows[0]?.length ?? 0;
	let cache: Record<string, Values> = {};
	for (let layer = 0; layer < shape.layers; layer++)
		for (const part of ['key', 'value'])
			cache[`past_key_values.${layer}.${part}`] = {
				data: shape.kvType === 'float16' ? new Uint16Array(0) : new Float32Array(0),
				dims: [batch, shape.kvHeads, 0, shape.headDim]
			};
	const logits: Values[] = [];
	let from = 0;
	for (let to = length - steps; to <= length; to++) {
		const count = to - from;
		const ids = (values: number[]): Values =>
			shape.inputs?.ids.dataType === 'int32'
				? { data: Int32Array.from(values), dims: [batch, count] }
				: int64(values, [batch, count]);
		const range = Array.from({ length: count }, (_, i) => from + i);
		const out = await session.run({
			input_ids: ids(rows.flatMap((row) => row.slice(from, to))),
			attention_mask: int64(new Array<number>(batch * to).fill(1), [batch, to]),
			position_ids: int64(
				rows.flatMap(() => range),
				[batch, count]
			),
			num_logits_to_keep: int64([0], []),
			seqlens_k: { data: new Int32Array(batch).fill(to - 1), dims: [batch] },
			total_sequence_length: { data: Int32Array.of(to), dims: [] },
			...extra,
			...cache
		});
		if (out.logits) logits.push(out.logits);
		cache = Object.fromEntries(
			Object.entries(out)
				.filter(([name]) => name.startsWith('present.'))
				.map(([name, values]) => [name.replace('present', 'past_key_values'), values])
		);
		from = to;
	}
	return { logits, cache };
}
