import type { Dim } from './types.ts';

/** Arithmetic on axis lengths that may be symbols: 'past + sequence'. Undefined where the result has no simple form. */
export function addDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return a + b;
	if (a === 0) return b;
	if (b === 0) return a;
	return a === undefined || b === undefined ? undefined : `${a} + ${b}`;
}

export function subtractDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return a - b;
	if (b === 0) return a;
	if (a !== undefined && a === b) return 0;
	if (typeof a !== 'string' || b === undefined) return undefined;
	if (a.startsWith(`${b} + `)) return a.slice(`${b} + `.length);
	if (a.endsWith(` + ${b}`)) return a.slice(0, -` + ${b}`.length);
	return undefined;
}

export function multiplyDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return a * b;
	if (a === 1) return b;
	if (b === 1) return a;
	if (a === 0 || b === 0) return 0;
	if (a === undefined || b === undefined) return undefined;
	const factor = (dim: Dim) => (String(dim).includes(' + ') ? `(${dim})` : String(dim));
	return `${factor(a)} * ${factor(b)}`;
}

/** The factors of a length: 'batch * sequence * 2' → batch, sequence, 2. A sum is one factor. */
export function factorsOf(dim: Dim): Dim[] {
	if (typeof dim !== 'string' || dim.includes('(') || dim.includes(' + ')) return [dim];
	return dim.split(' * ').map((factor) => (/^\d+$/.test(factor) ? Number(factor) : factor));
}

export function divideDims(a: Dim, b: Dim): Dim {
	if (b === 1) return a;
	if (typeof a === 'number' && typeof b === 'number' && b !== 0) return Math.trunc(a / b);
	return a !== undefined && a === b ? 1 : undefined;
}

export const productOf = (dims: readonly Dim[]): Dim => dims.reduce(multiplyDims, 1);

/** The shape of an elementwise result (onnx/docs/Broadcasting.md). */
export function broadcastDims(a: readonly Dim[], b: readonly Dim[]): Dim[] {
	const rank = Math.max(a.length, b.length);
	return Array.from({ length: rank }, (_, i) => {
		const [left, right] = [
			a[a.length - rank + i] ?? absent(a, rank, i),
			b[b.length - rank + i] ?? absent(b, rank, i)
		];
		if (left === right || right === 1) return left;
		if (left === 1) return right;
		if (typeof left === 'number') return left;
		return typeof right === 'number' ? right : undefined;
	});
}

/** 1 for an axis that a shape of lower rank lacks; undefined for one that is there and unknown. */
const absent = (dims: readonly Dim[], rank: number, i: number): Dim =>
	i < rank - dims.length ? 1 : undefined;
