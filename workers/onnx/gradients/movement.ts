import { intAttribute, intsAttribute } from '../attribute.ts';
import type { Dim } from '../types.ts';
import type { Backward, GradientRule } from './backward.ts';

/** The elements stay and only the shape changes. */
function reshape(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	at.give(0, at.reshape(dy, at.outputDims(), at.dims(0)), at.dims(0));
}

function transpose(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	const order = intsAttribute(at.node, 'perm') ?? at.dims(0).map((_, i, dims) => dims.length - 1 - i);
	const perm = order.map((_, axis) => order.indexOf(axis));
	at.give(0, at.write.op('Transpose', [dy], { perm }), at.dims(0));
}

const axisOf = (at: Backward, fallback = 0) => {
	const axis = intAttribute(at.node, 'axis', fallback);
	return axis < 0 ? axis + at.dims(0).length : axis;
};

function lengthOf(at: Backward, dim: Dim): number {
	if (typeof dim !== 'number') throw at.refuse('cuts an axis of unknown length');
	return dim;
}

function concat(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy) return;
	const axis = axisOf(at);
	const sizes = at.node.inputs.map((_, i) => lengthOf(at, at.dims(i)[axis]));
	const parts = at.write.split(dy, sizes, axis);
	parts.forEach((part, i) => {
		if (at.wants(i)) at.give(i, part, at.dims(i));
	});
}

function split(at: Backward): void {
	const axis = axisOf(at);
	if (!at.wants(0)) return;
	const parts = at.node.outputs.map(
		(_, i) => at.gradient(i) ?? at.write.op('Mul', [at.output(i), at.scalar(0)])
	);
	at.give(0, at.write.op('Concat', parts, { axis }), at.dims(0));
}

/** Zeros around the gradient of the part that was cut out. */
function slice(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	const dims = at.dims(0);
	const starts = at.integers(1);
	const axes = at.node.inputs[3] ? at.integers(3) : starts?.map((_, i) => i);
	const steps = at.node.inputs[4] ? at.integers(4) : starts?.map(() => 1);
	if (!starts || !axes || steps?.some((step) => step !== 1))
		throw at.refuse('cuts at places that are not constant');
	const before = dims.map(() => 0);
	const after = dims.map(() => 0);
	axes.forEach((named, i) => {
		const axis = named < 0 ? named + dims.length : named;
		const length = lengthOf(at, dims[axis]);
		const start = starts[i] ?? 0;
		before[axis] = Math.min(start < 0 ? Math.max(0, start + length) : start, length);
		after[axis] = length - (before[axis] ?? 0) - lengthOf(at, at.outputDims()[axis]);
	});
	at.give(0, at.write.op('Pad', [dy, at.write.integers(...before, ...after)]), dims);
}

/** The gradient of what was repeated is the sum over its copies. */
function expand(at: Backward): void {
	const dy = at.gradient(0);
	if (dy && at.wants(0)) at.give(0, dy);
}

/** Rows of a table that is trained: each row gets the sum over the places that took it. */
function gather(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	const dims = at.dims(0);
	if (dims.length !== 2 || axisOf(at) !== 0)
		throw at.refuse('picks from what is trained along an inner axis');
	const rows = at.reshape(dy, at.outputDims(), [-1, dims[1]]);
	const places = at.write.op('Reshape', [at.input(1), at.write.integers(-1, 1)]);
	const indices = at.write.op('Cast', [places], { to: 7 });
	at.accumulate(0, (sum) =>
		at.write.op('ScatterND', [sum ?? at.write.op('Mul', [at.input(0), at.scalar(0)]), indices, rows], {
			reduction: 'add'
		})
	);
}

/** Operators that move elements about. */
export const MOVEMENT: Readonly<Record<string, GradientRule>> = {
	Reshape: reshape,
	Flatten: reshape,
	Squeeze: reshape,
	Unsqueeze: reshape,
	Transpose: transpose,
	Concat: concat,
	Split: split,
	Slice: slice,
	Expand: expand,
	Gather: gather
};
