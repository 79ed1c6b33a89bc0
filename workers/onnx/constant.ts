import { intAttribute, intsAttribute } from './attribute.ts';
import type { Graph } from './graph.ts';
import { dataTypeOf, type DataType } from './types.ts';

/** Type and shape of a value that is constant: an initialiser, or one that is only transposed, cast or dequantised. */
export function constantType(
	graph: Graph,
	value: string
): { dataType: DataType; dims: number[] } | undefined {
	let dims: ((dims: number[]) => number[])[] = [];
	let dataType: DataType | undefined;
	for (let name = value; ;) {
		const initializer = graph.initializers.get(name);
		if (initializer) {
			const shape = dims.reduceRight((shape, change) => change(shape), initializer.dims);
			return { dataType: dataType ?? initializer.dataType, dims: shape };
		}
		const node = graph.producer(name);
		const [source] = node?.inputs ?? [];
		if (!node || !source || node.domain !== '') return undefined;
		if (node.opType === 'Transpose') {
			const order = intsAttribute(node, 'perm');
			dims = [...dims, (shape) => (order ? order.map((axis) => shape[axis] ?? 0) : shape.toReversed())];
		} else if (node.opType === 'Cast') dataType ??= dataTypeOf(intAttribute(node, 'to', 0));
		else if (node.opType === 'DequantizeLinear')
			dataType ??= graph.initializers.get(node.inputs[1] ?? '')?.dataType;
		else if (node.opType !== 'Identity') return undefined;
		name = source;
	}
}

/** Shapes, axes and the like are smaller. */
const MOST_BYTES = 1024;

/** The elements of a small int32 or int64 constant; undefined where it is not constant or above 1 KiB. */
export function constantIntegers(graph: Graph, value: string): number[] | undefined {
	const initializer = graph.initializers.get(value);
	if (!initializer) return undefined;
	const { dataType, data } = initializer;
	const size = data.reduce((sum, segment) => sum + segment.length, 0);
	// Before anything is copied: weights are asked for too.
	if ((dataType !== 'int64' && dataType !== 'int32') || size > MOST_BYTES) return undefined;
	const bytes = new Uint8Array(size);
	let offset = 0;
	for (const segment of data) {
		if (!(segment instanceof Uint8Array)) return undefined;
		bytes.set(segment, offset);
		offset += segment.length;
	}
	const view = new DataView(bytes.buffer);
	if (dataType === 'int64')
		return Array.from({ length: bytes.length / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
	return Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}

/** The only element of a small integer constant. */
export function constantInteger(graph: Graph, value: string): number | undefined {
	const values = constantIntegers(graph, value);
	return values?.length === 1 ? values[0] : undefined;
}

/** The value of a float32, float64 or integer constant of one element. */
export function constantFloat(graph: Graph, value: string): number | undefined {
	const initializer = graph.initializers.get(value);
	const [bytes, more] = initializer?.data ?? [];
	if (!initializer || more || !(bytes instanceof Uint8Array)) return undefined;
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (initializer.dataType === 'float32' && bytes.length === 4) return view.getFloat32(0, true);
	if (initializer.dataType === 'float64' && bytes.length === 8) return view.getFloat64(0, true);
	return constantInteger(graph, value);
}
