import { intAttribute, intsAttribute } from './attribute.ts';
import { addDims, broadcastDims, factorsOf, multiplyDims, productOf, subtractDims } from './dims.ts';
import type { Inference } from './infer.ts';
import type { Dim } from './types.ts';

export type Rule = (at: Inference) => void;

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
	const left = dims.flatMap(factorsOf);
	const rest: Dim[] = [];
	for (const dim of others.flatMap(factorsOf)) {
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

/** The operators that move elements about and do not compute with them. */
export const MOVEMENT: Readonly<Record<string, Rule>> = {
	Shape: (at) => {
		const { dims } = at.input(0);
		const from = intAttribute(at.node, 'start', 0);
		const part = dims?.slice(
			from,
			at.node.attributes.has('end') ? intAttribute(at.node, 'end', 0) : undefined
		);
		at.output(0, [part?.length], 'int64', part);
	},
	Gather: gather('axis'),
	'com.microsoft.GatherBlockQuantized': gather('gather_axis'),
	GatherElements: (at) => at.output(0, at.input(1).dims),
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
	}
};

/** A negative axis counts from the end. */
export const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
