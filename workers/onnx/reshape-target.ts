import type { Dim } from './types.ts';

/**
 * The `shape` input of a Reshape from dims `from` to dims `to` as constants: 0 copies the length at the same place, -1 is
 * whatever is left. Undefined where lengths that are known only at run time leave more than one place open.
 */
export function reshapeTarget(from: readonly Dim[], to: readonly Dim[]): number[] | undefined {
	const shape = to.map((dim, i) => {
		if (typeof dim === 'number' && dim > 0) return dim;
		return dim !== undefined && typeof dim !== 'number' && dim === from[i] ? 0 : -1;
	});
	return shape.filter((dim) => dim === -1).length > 1 ? undefined : shape;
}
