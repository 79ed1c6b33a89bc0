import type { AttributeLike } from '#workers/onnx/attribute.ts';
import type { Graph } from '#workers/onnx/graph.ts';
import { seededRandom } from '#test/support/random.ts';

export interface WeightOptions {
	/**
	 * How linears are stored: MatMul, Gemm with the weight transposed, MatMulNBits (4 bits, blocks of 32), or MatMulInteger
	 * behind DynamicQuantizeLinear (8 bits), as onnxruntime's quantiser writes it.
	 */
	linear: 'matmul' | 'gemm' | 'q4' | 'dynamic';
	seed: number;
	/** Changes a weight [out, in] before it is stored, for instance to merge an adapter. */
	change?: (path: string, weight: Float32Array) => Float32Array;
}

export const MS = 'com.microsoft';
const BLOCK = 32;

/** Writes the operators and the random weights of test decoders. */
export class FixtureWriter {
	readonly #graph: Graph;
	readonly #o: WeightOptions;
	#serial = 100;

	constructor(graph: Graph, options: WeightOptions) {
		this.#graph = graph;
		this.#o = options;
	}

	op(
		opType: string,
		inputs: string[],
		name: string,
		attributes: Record<string, AttributeLike> = {},
		domain = ''
	): string {
		const output = `${name}/output_0`;
		this.#graph.node(opType, inputs, [output], attributes, domain, name);
		return output;
	}

	ints(values: number[]): string {
		const name = `const_${values.join('_')}`;
		if (this.#graph.initializers.has(name)) return name;
		return this.#graph.initializer(name, 'int64', [values.length], BigInt64Array.from(values.map(BigInt)));
	}

	float(value: number): string {
		const name = `const_f_${value}`;
		if (this.#graph.initializers.has(name)) return name;
		return this.#graph.initializer(name, 'float32', [], Float32Array.of(value));
	}

	/** Uniform random [out, in] weights, the same for one path whatever the layout. */
	weight(path: string, out: number, inner: number, scale = 1 / Math.sqrt(inner)): Float32Array {
		let hash = this.#o.seed;
		for (const letter of path) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0;
		const random = seededRandom(hash);
		const weight = Float32Array.from({ length: out * inner }, () => (random() - 0.5) * 2 * scale);
		return this.#o.change?.(path, weight) ?? weight;
	}

	/** One linear over the rows of one or several modules, in the chosen storage. */
	linear(name: string, modules: string | [string, number][], x: string, inner: number, out: number): string {
		const g = this.#graph;
		const parts: [string, number][] = typeof modules === 'string' ? [[modules, out]] : modules;
		const weight = new Float32Array(out * inner);
		let row = 0;
		for (const [path, rows] of parts) {
			weight.set(this.weight(path, rows, inner), row * inner);
			row += rows;
		}
		const serial = `onnx::MatMul_${this.#serial++}`;
		if (this.#o.linear === 'q4') {
			const { quantised, scales } = quantise(weight, out, inner);
			const blocks = inner / BLOCK;
			const q = g.initializer(`${serial}_Q4`, 'uint8', [out, blocks, BLOCK / 2], quantised);
			const s = g.initializer(`${serial}_scales`, 'float32', [out * blocks], scales);
			const attributes = { K: inner, N: out, bits: 4, block_size: BLOCK };
			return this.op('MatMulNBits', [x, q, s], `${name}/MatMul_Quant`, attributes, MS);
		}
		if (this.#o.linear === 'dynamic') return this.#dynamic(name, serial, x, weight, inner, out);
		if (this.#o.linear === 'gemm') {
			const w = g.initializer(serial, 'float32', [out, inner], weight);
			const flat = this.op('Reshape', [x, this.ints([-1, inner])], `${name}/Reshape`);
			const y = this.op('Gemm', [flat, w], `${name}/Gemm`, { transB: 1 });
			const shape = this.op('Shape', [x], `${name}/Shape`);
			const head = this.op('Slice', [shape, this.ints([0]), this.ints([2])], `${name}/Slice`);
			const back = this.op('Concat', [head, this.ints([out])], `${name}/Concat`, { axis: 0 });
			return this.op('Reshape', [y, back], `${name}/Reshape_1`);
		}
		const w = g.initializer(serial, 'float32', [inner, out], transposed(weight, out, inner));
		return this.op('MatMul', [x, w], `${name}/MatMul`);
	}

	#dynamic(
		name: string,
		serial: string,
		x: string,
		weight: Float32Array,
		inner: number,
		out: number
	): string {
		const g = this.#graph;
		// One quantisation serves all linears that read the value.
		const quantised = ['quantized', 'scale', 'zero_point'].map((part) => `${x}_${part}`);
		const [data = '', scale = '', zero = ''] = quantised;
		if (!g.producer(data)) g.node('DynamicQuantizeLinear', [x], quantised);
		const largest = weight.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
		const bytes = Int8Array.from(transposed(weight, out, inner), (value) => Math.round(value / largest));
		const w = g.initializer(`${serial}_quantized`, 'int8', [inner, out], bytes);
		const s = g.initializer(`${serial}_scale`, 'float32', [], Float32Array.of(largest));
		const z = g.initializer(`${serial}_zero_point`, 'int8', [], new Int8Array(1));
		const product = this.op('MatMulInteger', [data, w, zero, z], `${name}/MatMul_quant`);
		const cast = this.op('Cast', [product], `${name}/MatMul_cast`, { to: 1 });
		const scales = this.op('Mul', [scale, s], `${name}/MatMul_scales_mul`);
		return this.op('Mul', [cast, scales], `${name}/MatMul_output_scale_mul`);
	}
}

function transposed(weight: Float32Array, rows: number, columns: number): Float32Array {
	return Float32Array.from(weight, (_, i) => weight[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
}

/** Symmetric 4-bit blocks of 32 along the inner axis, zero point 8, two values a byte, low half first. */
function quantise(weight: Float32Array, rows: number, columns: number) {
	const blocks = columns / BLOCK;
	const scales = new Float32Array(rows * blocks);
	const quantised = new Uint8Array((rows * columns) / 2);
	for (let block = 0; block < rows * blocks; block++) {
		const values = weight.subarray(block * BLOCK, (block + 1) * BLOCK);
		const scale = Math.max(...values.map(Math.abs)) / 7 || 1;
		scales[block] = scale;
		values.forEach((value, i) => {
			const at = (block * BLOCK + i) >> 1;
			quantised[at] = (quantised[at] ?? 0) | ((Math.round(value / scale) + 8) << (4 * (i & 1)));
		});
	}
	return { quantised, scales };
}
