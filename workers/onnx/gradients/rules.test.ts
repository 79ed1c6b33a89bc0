import { expect, test } from 'vitest';
import { engines } from '#test/support/engines.ts';
import { openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { float, type AttributeLike } from '../attribute.ts';
import { integers } from '../graph-writer.ts';
import type { Graph } from '../graph.ts';
import { createModel, type Model } from '../model.ts';
import { validate } from '../order.ts';
import { differentiate } from './differentiate.ts';
import { GRADIENTS } from './rules.ts';

type Type = 'float64' | 'float32';

interface Case {
	/** Operator, 'com.microsoft.' before those of that domain. */
	op: string;
	/** Shapes of the inputs that are differentiated, in front of `constants`. */
	shapes: number[][];
	/** More inputs. */
	constants?: (graph: Graph, type: Type) => string[];
	attributes?: Record<string, AttributeLike>;
	/** Shapes of the outputs; the first input's unless told. */
	outputs?: number[][];
	/** Values are drawn from here. */
	range?: [from: number, to: number];
	/** For operators that onnxruntime has no float64 kernel for. */
	type?: 'float32';
	/** What the case is about. */
	about?: string;
}

const ints =
	(...lists: number[][]) =>
	(graph: Graph) =>
		lists.map((values) => integers(graph, values));
const number =
	(value: number) =>
	(graph: Graph, type: Type): string[] => [
		graph.initializer(
			'constant',
			type,
			[],
			type === 'float64' ? Float64Array.of(value) : Float32Array.of(value)
		)
	];

const POSITIVE: [number, number] = [0.3, 2];
const M: [number, number, number] = [2, 3, 4];

const CASES: Case[] = [
	...['Identity', 'Neg', 'Exp', 'Tanh', 'Sigmoid', 'Sin', 'Cos', 'Relu', 'Abs'].map((op) => ({
		op,
		shapes: [M]
	})),
	...['Sqrt', 'Log', 'Reciprocal'].map((op) => ({ op, shapes: [M], range: POSITIVE })),
	{ op: 'Softplus', shapes: [M], type: 'float32' },
	{ op: 'Erf', shapes: [M], type: 'float32' },
	{ op: 'Gelu', shapes: [M], type: 'float32' },
	{ op: 'Gelu', shapes: [M], attributes: { approximate: 'tanh' }, type: 'float32', about: 'tanh' },
	{ op: 'com.microsoft.Gelu', shapes: [M], type: 'float32' },
	{ op: 'com.microsoft.QuickGelu', shapes: [M], attributes: { alpha: float(1.5) }, type: 'float32' },
	{ op: 'Cast', shapes: [M], attributes: { to: 11 } },
	...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'].flatMap((op) => [
		{ op, shapes: [M, M], range: POSITIVE },
		{ op, shapes: [M, [4]], range: POSITIVE, about: 'a vector for each row' },
		{ op, shapes: [[3, 1], M], outputs: [M], range: POSITIVE, about: 'an inner axis stretched' },
		{ op, shapes: [[2, 1, 4], [1, 3, 1]], outputs: [M], range: POSITIVE, about: 'both stretched' } // prettier-ignore
	]),
	{ op: 'Sum', shapes: [M, [4], [3, 1]] },
	{ op: 'Pow', shapes: [M], constants: number(2), about: 'a square' },
	{ op: 'Pow', shapes: [M], constants: number(-1.5), range: POSITIVE },
	{ op: 'Clip', shapes: [M], constants: (graph, type) => [...number(-0.4)(graph, type)] },
	{ op: 'Softmax', shapes: [M], attributes: { axis: -1 } },
	{ op: 'Softmax', shapes: [M], attributes: { axis: 1 }, about: 'an inner axis' },
	{ op: 'ReduceSum', shapes: [M], constants: ints([-1]), outputs: [[2, 3, 1]] },
	{ op: 'ReduceSum', shapes: [M], constants: ints([0, 2]), attributes: { keepdims: 0 }, outputs: [[3]], about: 'axes dropped' }, // prettier-ignore
	{ op: 'ReduceSum', shapes: [M], outputs: [[1, 1, 1]], about: 'all axes' },
	{ op: 'ReduceMean', shapes: [M], constants: ints([1, 2]), outputs: [[2, 1, 1]] },
	...[0, 1].flatMap((transA) =>
		[0, 1].map((transB) => ({
			op: 'Gemm',
			shapes: [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4], [4]],
			attributes: { transA, transB, alpha: float(0.5), beta: float(2) },
			outputs: [[2, 4]],
			about: `transposed ${transA} ${transB}`
		}))
	),
	{ op: 'MatMul', shapes: [[2, 3], [3, 4]], outputs: [[2, 4]] }, // prettier-ignore
	{ op: 'MatMul', shapes: [[2, 5, 3], [2, 3, 4]], outputs: [[2, 5, 4]], about: 'batched' }, // prettier-ignore
	{ op: 'MatMul', shapes: [[2, 1, 5, 3], [4, 3, 6]], outputs: [[2, 4, 5, 6]], about: 'batches stretched' }, // prettier-ignore
	{ op: 'MatMul', shapes: [[2, 5, 3], [3, 4]], outputs: [[2, 5, 4]], about: 'one matrix for all rows' }, // prettier-ignore
	{ op: 'Reshape', shapes: [M], constants: ints([0, -1]), outputs: [[2, 12]] },
	{ op: 'Flatten', shapes: [M], attributes: { axis: 2 }, outputs: [[6, 4]] },
	{ op: 'Squeeze', shapes: [[2, 1, 4]], constants: ints([1]), outputs: [[2, 4]] },
	{ op: 'Unsqueeze', shapes: [[2, 4]], constants: ints([0, 2]), outputs: [[1, 2, 1, 4]] },
	{ op: 'Transpose', shapes: [M], attributes: { perm: [2, 0, 1] }, outputs: [[4, 2, 3]] },
	{ op: 'Transpose', shapes: [M], outputs: [[4, 3, 2]], about: 'no permutation given' },
	{ op: 'Concat', shapes: [M, [2, 1, 4]], attributes: { axis: 1 }, outputs: [[2, 4, 4]] },
	{ op: 'Split', shapes: [M], constants: ints([1, 3]), attributes: { axis: -1 }, outputs: [[2, 3, 1], [2, 3, 3]] }, // prettier-ignore
	{ op: 'Slice', shapes: [M], constants: ints([1, -3], [3, 2 ** 31], [1, 2]), outputs: [[2, 2, 3]] },
	{ op: 'Expand', shapes: [[3, 1]], constants: ints([2, 3, 4]), outputs: [M] },
	{ op: 'Gather', shapes: [[5, 3]], constants: (graph) => [graph.initializer('rows', 'int64', [2, 2], BigInt64Array.of(4n, 0n, 4n, 2n))], outputs: [[2, 2, 3]] }, // prettier-ignore
	{ op: 'Where', shapes: [M, [4]], about: 'a condition in front' }
];

const names = (count: number, letter: string) => Array.from({ length: count }, (_, i) => `${letter}${i}`);
const sizeOf = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

/** y = op(x…), and its gradients from given gradients of y. */
function model({ op, shapes, constants, attributes, outputs }: Case, type: Type): Model {
	const made = createModel('rule');
	const { graph } = made;
	const inputs = shapes.map((shape, i) => graph.input(`x${i}`, type, shape));
	const more = constants?.(graph, type) ?? [];
	const y = outputs ?? [shapes[0] ?? []];
	const [opType = '', domain = ''] = op.split('.').toReversed().length > 1 ? [op.split('.').at(-1), 'com.microsoft'] : [op]; // prettier-ignore
	if (op === 'Where') {
		graph.initializer('choice', 'bool', [3, 1], Uint8Array.of(1, 0, 1));
		inputs.unshift('choice');
	}
	graph.node(opType, [...inputs, ...more], names(y.length, 'y'), attributes, domain);
	y.forEach((shape, i) => {
		graph.output(`y${i}`, type, shape);
		graph.input(`dy${i}`, type, shape);
	});
	const to = names(shapes.length, 'x');
	const from = new Map(names(y.length, 'y').map((name) => [name, `d${name}`]));
	const gradients = differentiate(graph, { from, to });
	to.forEach((name, i) => {
		graph.node('Identity', [gradients.get(name) ?? ''], [`d${name}`]);
		graph.output(`d${name}`, type, shapes[i] ?? []);
	});
	validate(graph);
	return made;
}

test.each(CASES.map((one) => [`${one.op}${one.about ? `: ${one.about}` : ''}`, one] as const))(
	'%s',
	async (name, one) => {
		const type = one.type ?? 'float64';
		const [step, bound] = type === 'float64' ? [1e-5, 1e-7] : [1e-2, 2e-3];
		let seed = 11;
		for (const letter of name) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) >>> 0;
		const random = seededRandom(seed);
		const [low, high] = one.range ?? [-1, 1];
		const values = (shape: readonly number[]): Values => {
			const drawn = Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random());
			return {
				data: type === 'float64' ? Float64Array.from(drawn) : Float32Array.from(drawn),
				dims: [...shape]
			};
		};
		const session = await openModel(model(one, type), engines.cpu);
		const feeds: Record<string, Values> = {};
		one.shapes.forEach((shape, i) => (feeds[`x${i}`] = values(shape)));
		const outputs = one.outputs ?? [one.shapes[0] ?? []];
		outputs.forEach((shape, i) => (feeds[`dy${i}`] = values(shape)));
		const found = await session.run(feeds);
		const objective = async () => {
			const out = await session.run(feeds);
			let sum = 0;
			for (const y of names(outputs.length, 'y'))
				out[y]?.data.forEach((value, i) => (sum += Number(value) * Number(feeds[`d${y}`]?.data[i])));
			return sum;
		};
		for (const x of names(one.shapes.length, 'x')) {
			const data = feeds[x]?.data as Float64Array;
			expect(found[`d${x}`]?.dims).toEqual(feeds[x]?.dims);
			for (let i = 0; i < data.length; i++) {
				const kept = data[i] ?? 0;
				data[i] = kept + step;
				const above = await objective();
				data[i] = kept - step;
				const below = await objective();
				data[i] = kept;
				const wanted = (above - below) / (2 * step);
				expect(Math.abs(Number(found[`d${x}`]?.data[i]) - wanted), `${x}[${i}], seed ${seed}`).toBeLessThan(
					bound
				);
			}
		}
		await session.close();
	}
);

test('every rule has a case', () => {
	const tried = new Set(CASES.map(({ op }) => op));
	expect(Object.keys(GRADIENTS).filter((op) => !tried.has(op))).toEqual([]);
});

test('an operator without a rule is named', () => {
	const { graph } = createModel('unknown');
	graph.input('x', 'float32', [4]);
	graph.node('Mish', ['x'], ['y'], {}, '', 'layer/act');
	graph.input('dy', 'float32', [4]);
	expect(() => differentiate(graph, { from: new Map([['y', 'dy']]), to: ['x'] })).toThrow(
		"This model cannot be trained: Mish 'layer/act' has no gradient rule."
	);
});
