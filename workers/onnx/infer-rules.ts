import { intAttribute, intsAttribute } from './attribute.ts';
import { addDims, broadcastDims, divideDims, multiplyDims, productOf, subtractDims } from './dims.ts';
import { MOVEMENT, positive, type Rule } from './infer-movement.ts';
import { MAX_ELEMENTS, type Inference } from './infer.ts';
import { dataTypeOf, type DataType, type Dim } from './types.ts';

const same: Rule = (at) => at.output(0, at.input(0).dims);
const all = (rule: Rule, names: string[]) => Object.fromEntries(names.map((name) => [name, rule]));

const elementwise =
	(arithmetic?: (a: Dim, b: Dim) => Dim, dataType?: DataType): Rule =>
	(at) => {
		const operands = at.node.inputs.map((_, i) => at.input(i));
		const shapes = operands.map(({ dims }) => dims);
		if (!shapes.every((dims) => dims !== undefined)) return at.output(0, undefined, dataType);
		const dims = shapes.reduce(broadcastDims, []);
		const [a, b] = operands;
		const count = productOf(dims);
		let elements: Dim[] | undefined;
		if (arithmetic && a?.elements && b?.elements && typeof count === 'number' && count <= MAX_ELEMENTS)
			elements = Array.from({ length: count }, (_, i) =>
				arithmetic(a.elements?.[i % a.elements.length], b.elements?.[i % b.elements.length])
			);
		at.output(0, dims, dataType, elements);
	};

const reduce: Rule = (at) => {
	const { dims } = at.input(0);
	const axes = intsAttribute(at.node, 'axes') ?? (at.node.inputs[1] ? at.integers(1) : []);
	const keep = intAttribute(at.node, 'keepdims', 1) !== 0;
	if (!dims || !axes) return at.output(0, undefined);
	const noop = axes.length === 0 && intAttribute(at.node, 'noop_with_empty_axes', 0) !== 0;
	const gone = new Set(axes.map((axis) => (axis + dims.length) % dims.length));
	const reduced = (i: number) => !noop && (axes.length === 0 || gone.has(i));
	if (keep)
		return at.output(
			0,
			dims.map((dim, i) => (reduced(i) ? 1 : dim))
		);
	at.output(
		0,
		dims.filter((_, i) => !reduced(i))
	);
};

const matmul: Rule = (at) => {
	const [a, b] = [at.input(0).dims, at.input(1).dims];
	if (!a || !b || a.length === 0 || b.length === 0) return at.output(0, undefined);
	const [left, right] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b];
	const dims = broadcastDims(left.slice(0, -2), right.slice(0, -2));
	if (a.length > 1) dims.push(left.at(-2));
	if (b.length > 1) dims.push(right.at(-1));
	at.output(0, dims);
};

const attention: Rule = (at) => {
	const [query, key, past] = [at.input(0), at.input(1), at.input(3)];
	const heads = intAttribute(at.node, 'num_heads', 0);
	const shape = query.dims;
	const packed = at.node.inputs[1] === '';
	const size = past.dims?.[3];
	const width = packed ? multiplyDims(heads, size) : shape?.[2];
	at.output(0, shape && [shape[0], shape[1], width]);
	const length = addDims(past.dims?.[2], (packed ? shape : key.dims)?.[1]);
	for (const index of [1, 2]) at.output(index, past.dims?.with(2, length));
};

/** How each operator's outputs follow from its inputs; contrib operators under their domain. */
export const RULES: Readonly<Record<string, Rule>> = {
	...MOVEMENT,
	...all(same, [
		...[
			'Identity',
			'Neg',
			'Abs',
			'Sqrt',
			'Exp',
			'Log',
			'Sin',
			'Cos',
			'Tanh',
			'Sigmoid',
			'Erf',
			'Relu',
			'Gelu'
		],
		...[
			'Reciprocal',
			'Softmax',
			'LayerNormalization',
			'SimplifiedLayerNormalization',
			'RMSNormalization',
			'Clip'
		],
		...[
			'CumSum',
			'Trilu',
			'ScatterND',
			'ScatterElements',
			'Floor',
			'Ceil',
			'Softplus',
			'HardSwish',
			'LeakyRelu'
		],
		...['RotaryEmbedding', 'FastGelu', 'QuickGelu', 'BiasGelu'].map((name) => `com.microsoft.${name}`)
	]),
	...all(elementwise(), ['Pow', 'Min', 'Max', 'Mod', 'Sum', 'And', 'Or', 'Xor']),
	...all(elementwise(undefined, 'bool'), ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual']),
	...all(reduce, [
		'ReduceSum',
		'ReduceMean',
		'ReduceMax',
		'ReduceMin',
		'ReduceProd',
		'ReduceL2',
		'ReduceSumSquare'
	]),
	Add: elementwise(addDims),
	Sub: elementwise(subtractDims),
	Mul: elementwise(multiplyDims),
	Div: elementwise(divideDims),
	Not: (at) => at.output(0, at.input(0).dims, 'bool'),
	IsNaN: (at) => at.output(0, at.input(0).dims, 'bool'),
	Where: (at) => {
		const shapes = [0, 1, 2].map((i) => at.input(i).dims);
		const known = shapes.every((dims) => dims !== undefined);
		at.output(0, known ? shapes.reduce(broadcastDims, []) : undefined, at.input(1).dataType);
	},
	Cast: (at) => {
		const { dims, elements } = at.input(0);
		at.output(0, dims, dataTypeOf(intAttribute(at.node, 'to', 0)), elements);
	},
	Size: (at) => at.output(0, [], 'int64'),
	MatMul: matmul,
	'com.microsoft.MatMulNBits': (at) =>
		at.output(0, at.input(0).dims?.with(-1, intAttribute(at.node, 'N', 0))),
	MatMulInteger: (at) => {
		matmul(at);
	},
	DynamicQuantizeLinear: (at) => {
		at.output(0, at.input(0).dims, 'uint8');
		at.output(1, [], 'float32');
		at.output(2, [], 'uint8');
	},
	DequantizeLinear: (at) => at.output(0, at.input(0).dims, at.input(1).dataType),
	Gemm: (at) => {
		const [a, b] = [at.input(0).dims, at.input(1).dims];
		const rows = a?.[intAttribute(at.node, 'transA', 0) ? 1 : 0];
		at.output(0, [rows, b?.[intAttribute(at.node, 'transB', 0) ? 0 : 1]]);
	},
	ConstantOfShape: (at) => {
		const value = at.node.attributes.get('value');
		const dataType = value?.type === 'tensor' ? value.value.dataType : 'float32';
		at.output(0, at.input(0).elements?.slice(), dataType);
	},
	Range: (at) => {
		const [start, limit, step] = [0, 1, 2].map((i) => at.input(i).elements?.[0]);
		at.output(0, [step === 1 ? subtractDims(limit, start) : undefined]);
	},
	ArgMax: reduce,
	TopK: (at) => {
		const { dims } = at.input(0);
		const axis = dims && positive(intAttribute(at.node, 'axis', -1), dims.length);
		const shape = axis === undefined ? undefined : dims?.with(axis, at.input(1).elements?.[0]);
		at.output(0, shape);
		at.output(1, shape, 'int64');
	},
	'com.microsoft.GroupQueryAttention': attention,
	'com.microsoft.SkipSimplifiedLayerNormalization': skipNorm,
	'com.microsoft.SkipLayerNormalization': skipNorm
};

function skipNorm(at: Inference): void {
	at.output(0, at.input(0).dims);
	at.output(3, at.input(0).dims);
}
