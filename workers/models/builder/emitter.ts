import type { Graph } from '#workers/onnx/graph.ts';
import type { DataType } from '#workers/onnx/types.ts';
import type { Precision } from './dtype.ts';
import { floatBytes, type StoreWeight } from './store.ts';
import type { DecoderWeights } from './weights.ts';

export const MICROSOFT = 'com.microsoft';

/** What every part of the decoder's graph is made with. */
export interface Emitter {
	graph: Graph;
	weights: DecoderWeights;
	store: StoreWeight;
	precision: Precision;
}

/** '/model/layers.0/self_attn/q_proj': how PyTorch's exporter names the nodes of module 'model.layers.0.self_attn.q_proj'. */
export const nodeName = (path: string): string => `/${path.replace(/\.(?!\d)/g, '/')}`;

export const floatType = ({ precision }: Emitter): DataType => (precision.half ? 'float16' : 'float32');

/** Float32 values as an initialiser of the model's floating-point type; returns its name. */
export function floatInitializer(
	emitter: Emitter,
	name: string,
	dims: readonly number[],
	values: Float32Array
): string {
	const data = emitter.store(floatBytes(values, emitter.precision.half));
	return emitter.graph.initializer(name, floatType(emitter), dims, [data]);
}

/** A vector of the checkpoint: a norm's weight or a bias. */
export function vector(emitter: Emitter, name: string): string {
	const values = emitter.weights.rows(name, 0, 1);
	return floatInitializer(emitter, name, [values.length], values);
}

/** An int64 constant [n] for shapes and axes; equal ones share one initialiser. */
export function int64s({ graph }: Emitter, values: readonly number[]): string {
	const name = `int64_${values.join('_').replaceAll('-', 'm')}`;
	return graph.initializers.has(name)
		? name
		: graph.initializer(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
}
