import { intAttribute, intsAttribute } from './attribute.ts';
import { addDims, broadcastDims, divideDims, multiplyDims, productOf, subtractDims } from './dims.ts';
import { MAX_ELEMENTS, type Inference } from './infer.ts';
import { dataTypeOf, type DataType, type Dim } from './types.ts';

type Rule = (at: Inference) => void;

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

/** Gather and GatherBlockQuantized: data with one axis replaced by the shape of the indices. */
const gather =
	(axisName: string): Rule =>
	(at) => {
		const data = at.input(0);
		const indices = at.input(1);
		const quantised = at.node.opType === 'GatherBlockQuantized';
		const dataType = quantised ? at.input(2).dataType : data.dataType;
		if (!data.dims || !indices.dims) return at.output(0, undefined, dataType);
		const axis = positive(intAttribute(at.node, axisName, 0), data.dims.length);
		const tail = data.dims.slice(axis + 1);
		// Two 4-bit values lie in one byte of the last axis.
		if (quantised && data.dataType === 'uint8' && intAttribute(at.node, 'bits', 4) === 4 && tail.length)
			tail[tail.length - 1] = multiplyDims(tail.at(-1), 2);
		const picked = indices.elements?.map((index) =>
			typeof index === 'number' ? data.elements?.at(index) : undefined
		);
		const elements = data.elements && picked && data.dims.length === 1 ? picked : undefined;
		at.output(0, [...data.dims.slice(0, axis), ...indices.dims, ...tail], dataType, elements);
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

const reshape: Rule = (at) => {
	const { dims, elements } = at.input(0);
	const wanted = at.input(1).elements;
	const rank = at.input(1).dims?.[0];
	if (!wanted)
		return at.output(0, typeof rank === 'number' ? new Array<Dim>(rank).fill(undefined) : undefined);
	const copies = intAttribute(at.node, 'allowzero', 0) === 0;
	const shape = wanted.map((dim, i) => (dim === 0 && copies ? dims?.[i] : dim));
	const open = shape.indexOf(-1);
	if (open >= 0) shape[open] = dims && remaining(dims, shape.toSpliced(open, 1));
	at.output(0, shape, undefined, elements);
};

/** product(dims) / product(others), with equal symbols cancelled. */
function remaining(dims: readonly Dim[], others: readonly Dim[]): Dim {
	const left = [...dims];
	const rest: Dim[] = [];
	for (const dim of others) {
		const at = typeof dim === 'string' ? left.indexOf(dim) : -1;
		if (at >= 0) left.splice(at, 1);
		else rest.push(dim);
	}
	const numbers = left.filter((dim) => typeof dim === 'number').reduce((a, b) => a * b, 1);
	const symbols = left.filter((dim) => typeof dim !== 'number');
	const divisor = productOf(rest);
	if (typeof divisor !== 'number' || divisor === 0 || numbers % divisor !== 0) return undefined;
	return productOf([...symbols, numbers / divisor]);
}

const axesOf = (at: Inference): number[] | undefined =>
	intsAttribute(at.node, 'axes') ?? (at.node.inputs[1] ? at.integers(1) : undefined);

const unsqueeze: Rule = (at) => {
	const { dims, elements } = at.input(0);
	const axes = axesOf(at);
	if (!dims || !axes) return at.output(0, undefined);
	const rank = dims.length + axes.length;
	const added = new Set(axes.map((axis) => positive(axis, rank)));
	const rest = dims.values();
	at.output(
		0,
		Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : rest.next().value)),
		undefined,
		elements
	);
};

const squeeze: Rule = (at) => {
	const { dims, elements } = at.input(0);
	if (!dims) return at.output(0, undefined);
	const axes = axesOf(at)?.map((axis) => positive(axis, dims.length));
	const left = dims.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1));
	at.output(0, left, undefined, elements);
};

const concat: Rule = (at) => {
	const parts = at.node.inputs.map((_, i) => at.input(i));
	const first = parts[0]?.dims;
	if (!first || !parts.every(({ dims }) => dims?.length === first.length)) return at.output(0, undefined);
	const axis = positive(intAttribute(at.node, 'axis', 0), first.length);
	const dims = first.map((_, i) => {
		const lengths = parts.map((part) => part.dims?.[i]);
		return i === axis ? lengths.reduce(addDims) : lengths.find((length) => length !== undefined);
	});
	const elements = parts.every((part) => part.elements)
		? parts.flatMap((part) => part.elements ?? [])
		: undefined;
	at.output(0, dims, undefined, elements);
};

const split: Rule = (at) => {
	const { dims } = at.input(0);
	const count = at.node.outputs.length;
	if (!dims) return;
	const axis = positive(intAttribute(at.node, 'axis', 0), dims.length);
	const sizes = intsAttribute(at.node, 'split') ?? (at.node.inputs[1] ? at.integers(1) : undefined);
	const length = dims[axis];
	const even = typeof length === 'number' ? Math.ceil(length / count) : undefined;
	for (let i = 0; i < count; i++) {
		const last =
			typeof length === 'number' && even !== undefined ? Math.min(even, length - even * i) : undefined;
		at.output(i, dims.with(axis, sizes ? sizes[i] : at.node.inputs[1] ? undefined : last));
	}
};

const slice: Rule = (at) => {
	const { dims, elements } = at.input(0);
	const older = at.opset < 10;
	const starts = older ? intsAttribute(at.node, 'starts') : at.input(1).elements;
	const ends = older ? intsAttribute(at.node, 'ends') : at.input(2).elements;
	const told = older ? intsAttribute(at.node, 'axes') : at.node.inputs[3] ? at.integers(3) : undefined;
	const steps = at.node.inputs[4] ? at.integers(4) : undefined;
	if (!dims) return at.output(0, undefined);
	const given = older || !at.node.inputs[3];
	const axes = told ?? (given ? starts?.map((_, i) => i) : undefined);
	if (!axes)
		return at.output(
			0,
			dims.map(() => undefined)
		);
	const shape = [...dims];
	axes.forEach((axis, i) => {
		const place = positive(axis, dims.length);
		shape[place] = sliced(dims[place], starts?.[i], ends?.[i], at.node.inputs[4] ? steps?.[i] : 1);
	});
	const [start, end] = [starts?.[0], ends?.[0]];
	const plain =
		dims.length === 1 && typeof start === 'number' && typeof end === 'number' && steps?.[0] !== -1;
	at.output(0, shape, undefined, plain ? elements?.slice(start, end) : undefined);
};

/** Length of `[start, end)` on an axis, both counted from the end where negative and clamped to it. */
function sliced(length: Dim, start: Dim, end: Dim, step: number | undefined): Dim {
	if (typeof start !== 'number' || step === undefined) return undefined;
	if (step === 1 && start === 0 && typeof end === 'number' && end >= 2 ** 31 - 1) return length;
	if (typeof length === 'number' && typeof end === 'number') {
		const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + length : at, step < 0 ? -1 : 0), length);
		return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
	}
	if (step !== 1 || typeof end !== 'number') return undefined;
	if (start < 0 && end >= 2 ** 31 - 1) return start === -1 ? 1 : undefined;
	return end < 0 && start === 0 ? subtractDims(length, -end) : undefined;
}

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
	Shape: (at) => {
		const { dims } = at.input(0);
		const from = intAttribute(at.node, 'start', 0);
		const part = dims?.slice(
			from,
			at.node.attributes.has('end') ? intAttribute(at.node, 'end', 0) : undefined
		);
		at.output(0, [part?.length], 'int64', part);
	},
	Size: (at) => at.output(0, [], 'int64'),
	Gather: gather('axis'),
	'com.microsoft.GatherBlockQuantized': gather('gather_axis'),
	GatherElements: (at) => at.output(0, at.input(1).dims),
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
	Reshape: reshape,
	Flatten: (at) => {
		const { dims } = at.input(0);
		const axis = dims && positive(intAttribute(at.node, 'axis', 1), dims.length + 1);
		at.output(0, dims && [productOf(dims.slice(0, axis)), productOf(dims.slice(axis))]);
	},
	Transpose: (at) => {
		const { dims } = at.input(0);
		const order = intsAttribute(at.node, 'perm');
		at.output(0, dims && (order ? order.map((axis) => dims[axis]) : dims.toReversed()));
	},
	Unsqueeze: unsqueeze,
	Squeeze: squeeze,
	Concat: concat,
	Split: split,
	Slice: slice,
	Expand: (at) => {
		const { dims } = at.input(0);
		const { elements } = at.input(1);
		at.output(0, dims && elements ? broadcastDims(dims, elements) : undefined);
	},
	Tile: (at) => {
		const repeats = at.input(1).elements;
		at.output(
			0,
			at.input(0).dims?.map((dim, i) => multiplyDims(dim, repeats?.[i]))
		);
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

/** A negative axis counts from the end. */
const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
