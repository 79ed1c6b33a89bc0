import type { DataType } from '#workers/onnx/types.ts';
import { floatInitializer, floatType, MICROSOFT, nodeName, vector, type Emitter } from './emitter.ts';
import {
	BLOCK,
	quantisedMatrix,
	quantiseRows,
	type QuantisedMatrix,
	type QuantiseOptions
} from './quantise.ts';
import { floatBytes } from './store.ts';
import type { DecoderWeights } from './weights.ts';

/**
 * y = x·Wᵀ (+ b) for several matrices of one input x [batch, sequence, in]: the projections q, k and v, or gate and up.
 * Their weights lie side by side, so that they can be read as one matrix. A path is the module's name in the checkpoint.
 * Returns the outputs' names.
 */
export function linears(
	emitter: Emitter,
	input: string,
	paths: readonly string[],
	options = emitter.precision.layers
): string[] {
	if (!options) return paths.map((path) => matMul(emitter, path, input));
	const weights = quantisedInitializers(emitter, paths, options);
	return weights.map((weight) => matMulNBits(emitter, weight, input));
}

function matMul(emitter: Emitter, path: string, input: string): string {
	const { graph, weights } = emitter;
	const [out = 0, inner = 0] = weights.shape(`${path}.weight`) ?? [];
	const values = transpose(weights.rows(`${path}.weight`, 0, out), out, inner);
	const weight = floatInitializer(emitter, `${path}.weight`, [inner, out], values);
	const name = nodeName(path);
	const product = `${name}/MatMul/output_0`;
	graph.node('MatMul', [input, weight], [product], {}, '', `${name}/MatMul`);
	if (!weights.shape(`${path}.bias`)) return product;
	const sum = `${name}/Add/output_0`;
	graph.node('Add', [product, vector(emitter, `${path}.bias`)], [sum], {}, '', `${name}/Add`);
	return sum;
}

/** A quantised matrix whose parts are initialisers of the graph. */
export interface QuantisedWeight {
	/** Module it belongs to. */
	path: string;
	matrix: Pick<QuantisedMatrix, 'bits' | 'rows' | 'columns' | 'blocks'>;
	/** Names of the initialisers; zeroPoints is '' where there are none. */
	codes: string;
	scales: string;
	zeroPoints: string;
}

/** Quantises `${path}.weight` of each path: codes of all side by side, then scales of all, then zero points of all. */
export function quantisedInitializers(
	emitter: Emitter,
	paths: readonly string[],
	options: QuantiseOptions
): QuantisedWeight[] {
	const { graph, store, precision } = emitter;
	const matrices = paths.map((path) => quantiseTensor(emitter.weights, `${path}.weight`, options));
	const add = (
		suffix: string,
		type: DataType,
		dims: (m: QuantisedMatrix) => number[],
		bytes: (m: QuantisedMatrix) => Uint8Array
	) =>
		matrices.map((m, i) =>
			graph.initializer(`${paths[i]}.weight_${suffix}`, type, dims(m), [store(bytes(m))])
		);
	const blobs = (m: QuantisedMatrix) => [m.rows, m.blocks, (BLOCK * m.bits) / 8];
	const codes = add(`Q${options.bits}`, 'uint8', blobs, (m) => m.codes);
	const scales = add(
		'scales',
		floatType(emitter),
		(m) => [m.rows, m.blocks],
		(m) => floatBytes(m.scales, precision.half)
	);
	const zeroBytes = (m: QuantisedMatrix) => m.zeroPoints ?? new Uint8Array();
	const zeroPoints = options.zeroPoints
		? add('zero_points', 'uint8', (m) => [m.rows, zeroBytes(m).length / m.rows], zeroBytes)
		: [];
	return matrices.map(({ bits, rows, columns, blocks }, i) => ({
		path: paths[i] ?? '',
		matrix: { bits, rows, columns, blocks },
		codes: codes[i] ?? '',
		scales: scales[i] ?? '',
		zeroPoints: zeroPoints[i] ?? ''
	}));
}

/** Adds x·Wᵀ (+ b) with W in blocks, for module `path`. */
export function matMulNBits(
	emitter: Emitter,
	weight: QuantisedWeight,
	input: string,
	path = weight.path
): string {
	const { graph, weights } = emitter;
	const { rows, columns, bits } = weight.matrix;
	const bias = weights.shape(`${path}.bias`) ? vector(emitter, `${path}.bias`) : '';
	const inputs = [input, weight.codes, weight.scales, weight.zeroPoints, '', bias];
	while (inputs.at(-1) === '') inputs.pop();
	const name = `${nodeName(path)}/MatMul_Q${bits}`;
	const output = `${name}/output_0`;
	graph.node(
		'MatMulNBits',
		inputs,
		[output],
		{ K: columns, N: rows, bits, block_size: BLOCK },
		MICROSOFT,
		name
	);
	return output;
}

/** Float32 values of a matrix in memory at a time: 8 MB. */
const CHUNK = 1 << 21;

function quantiseTensor(weights: DecoderWeights, name: string, options: QuantiseOptions): QuantisedMatrix {
	const [rows = 0, columns = 0] = weights.shape(name) ?? [];
	const matrix = quantisedMatrix(rows, columns, options);
	const step = Math.max(1, Math.floor(CHUNK / columns));
	for (let row = 0; row < rows; row += step)
		quantiseRows(matrix, row, weights.rows(name, row, Math.min(step, rows - row)), options);
	return matrix;
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
	const out = new Float32Array(values.length);
	for (let row = 0; row < rows; row++)
		for (let column = 0; column < columns; column++)
			out[column * rows + row] = values[row * columns + column] as number;
	return out;
}
