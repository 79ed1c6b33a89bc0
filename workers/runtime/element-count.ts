export const elementCount = (dims: readonly number[]): number =>
	dims.reduce((product, dim) => product * dim, 1);
