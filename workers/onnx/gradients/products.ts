import { float, floatAttribute, intAttribute, intsAttribute } from '../attribute.ts';
import { broadcastDims } from '../dims.ts';
import type { Backward, GradientRule } from './backward.ts';

/** y = α · A · B + β · C, A or B transposed or not. A contribution takes the sum so far as the C of its own product. */
function gemm(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy) return;
	const transA = intAttribute(at.node, 'transA', 0);
	const transB = intAttribute(at.node, 'transB', 0);
	const alpha = floatAttribute(at.node, 'alpha', 1);
	const beta = floatAttribute(at.node, 'beta', 1);
	const product = (a: string, b: string, flipA: number, flipB: number) => (sum: string | undefined) =>
		at.write.op('Gemm', sum ? [a, b, sum] : [a, b], {
			...(flipA && { transA: 1 }),
			...(flipB && { transB: 1 }),
			...(alpha !== 1 && { alpha: float(alpha) })
		});
	if (at.wants(0)) {
		const b = at.input(1);
		at.accumulate(0, transA ? product(b, dy, transB, 1) : product(dy, b, 0, 1 - transB));
	}
	if (at.wants(1)) {
		const a = at.input(0);
		at.accumulate(1, transB ? product(dy, a, 1, transA) : product(a, dy, 1 - transA, 0));
	}
	if (at.wants(2)) at.give(2, beta === 1 ? dy : at.write.op('Mul', [dy, at.scalar(beta)]));
}

/** y = A · B over the last two axes, the others broadcast. */
function matMul(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy) return;
	const [left, right] = [at.dims(0), at.dims(1)];
	if (left.length < 2 || right.length < 2) throw at.refuse('multiplies a vector');
	const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2));
	if (at.wants(0)) {
		if (right.length === 2 && left.length > 2) return flat(at, dy, left, right);
		const dims = [...batch, ...left.slice(-2)];
		at.give(0, at.write.op('MatMul', [dy, at.transposed(1)]), dims);
	}
	if (at.wants(1)) {
		if (right.length === 2 && left.length > 2) return flat(at, dy, left, right);
		const dims = [...batch, ...right.slice(-2)];
		at.give(1, at.write.op('MatMul', [at.transposed(0), dy]), dims);
	}
}

/** A matrix applied to the last axis of a tensor: one product over all its rows. */
function flat(
	at: Backward,
	dy: string,
	left: ReturnType<Backward['dims']>,
	right: ReturnType<Backward['dims']>
): void {
	const [inner, outer] = right;
	const rows = at.reshape(dy, at.outputDims(), [-1, outer]);
	if (at.wants(0)) {
		const dx = at.write.op('Gemm', [rows, at.input(1)], { transB: 1 });
		at.give(0, at.reshape(dx, [undefined, inner], left), left);
	}
	if (!at.wants(1)) return;
	const x = at.reshape(at.input(0), left, [-1, inner]);
	at.accumulate(1, (sum) => at.write.op('Gemm', sum ? [x, rows, sum] : [x, rows], { transA: 1 }));
}

/** y = softmax(x): dx = y · (dy − Σ dy · y). */
function softmax(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	const y = at.output();
	const axis = intAttribute(at.node, 'axis', -1);
	const weighted = at.write.op('ReduceSum', [at.write.op('Mul', [dy, y]), at.write.integers(axis)]);
	at.give(0, at.write.op('Mul', [y, at.write.op('Sub', [dy, weighted])]));
}

/** Axes that a reduction sums over; all of them where none are named. */
function reducedAxes(at: Backward): number[] {
	const rank = at.dims(0).length;
	const named = intsAttribute(at.node, 'axes') ?? (at.node.inputs[1] ? at.integers(1) : undefined);
	if (!named && at.node.inputs[1]) throw at.refuse('has axes that are not constant');
	const axes = named ?? Array.from({ length: rank }, (_, i) => i);
	return axes.map((axis) => (axis < 0 ? axis + rank : axis));
}

/** Σ x or mean of x over some axes: every element gets the same gradient. */
const reduce =
	(share: (at: Backward, dy: string, count: () => number) => string): GradientRule =>
	(at) => {
		const dy = at.gradient(0);
		if (!dy || !at.wants(0)) return;
		const dims = at.dims(0);
		const axes = reducedAxes(at);
		const kept = dims.map((dim, i) => (axes.includes(i) ? 1 : dim));
		const shaped = intAttribute(at.node, 'keepdims', 1) ? dy : at.reshape(dy, at.outputDims(), kept);
		const count = () =>
			axes.reduce((product, axis) => {
				const length = dims[axis];
				if (typeof length !== 'number') throw at.refuse('averages over an axis of unknown length');
				return product * length;
			}, 1);
		at.give(0, share(at, shaped, count), kept);
	};

/** Products and reductions. */
export const PRODUCTS: Readonly<Record<string, GradientRule>> = {
	Gemm: gemm,
	MatMul: matMul,
	Softmax: softmax,
	ReduceSum: reduce((_, dy) => dy),
	ReduceMean: reduce((at, dy, count) => at.write.op('Mul', [dy, at.scalar(1 / count())]))
};
