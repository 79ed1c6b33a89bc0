import { expect, test } from 'vitest';
import { Dice } from '#test/support/dice.ts';
import { cholesky, solveLower, symmetricEigen } from './linear-algebra.ts';

const dice = new Dice();
const random = (n: number) => Float64Array.from({ length: n }, () => dice.next() * 2 - 1);

/** XᵀX + ridge, symmetric to the bit. */
function gram(n: number, rank: number, ridge = 0): Float64Array {
	const x = random(rank * n);
	const result = new Float64Array(n * n);
	for (let i = 0; i < n; i++)
		for (let j = 0; j <= i; j++) {
			let sum = i === j ? ridge : 0;
			for (let k = 0; k < rank; k++) sum += (x[k * n + i] ?? 0) * (x[k * n + j] ?? 0);
			result[i * n + j] = result[j * n + i] = sum;
		}
	return result;
}

test('eigenvalues and vectors put the matrix together again, repeated and zero ones too', () => {
	for (const [n, rank] of [
		[1, 1],
		[2, 2],
		[7, 7],
		[40, 40],
		[40, 9],
		[5, 0]
	] as const) {
		const a = gram(n, rank);
		const { values, vectors } = symmetricEigen(a, n);
		expect([...values]).toEqual([...values].sort((x, y) => y - x));
		for (let i = 0; i < n; i++)
			for (let j = 0; j < n; j++) {
				let [sum, dot] = [0, 0];
				for (let k = 0; k < n; k++) {
					sum += (values[k] ?? 0) * (vectors[k * n + i] ?? 0) * (vectors[k * n + j] ?? 0);
					dot += (vectors[i * n + k] ?? 0) * (vectors[j * n + k] ?? 0);
				}
				expect(sum).toBeCloseTo(a[i * n + j] ?? NaN, 9);
				expect(dot).toBeCloseTo(i === j ? 1 : 0, 9);
			}
	}
	expect([...symmetricEigen(Float64Array.of(2, 1, 1, 2), 2).values]).toEqual([
		expect.closeTo(3, 12),
		expect.closeTo(1, 12)
	]);
	expect(() => symmetricEigen(Float64Array.of(NaN, 1, 1, 2), 2)).toThrow(RangeError);
});

test('a triangle times its transpose is the matrix; solving with it undoes multiplying', () => {
	const n = 30;
	const a = gram(n, 12, 0.5);
	const l = cholesky(a, n);
	const x = Float32Array.from(random(n * 3));
	const lx = new Float32Array(n * 3);
	for (let i = 0; i < n; i++)
		for (let j = 0; j < n; j++) {
			let sum = 0;
			for (let k = 0; k < n; k++) sum += (l[i * n + k] ?? 0) * (l[j * n + k] ?? 0);
			expect(sum).toBeCloseTo(a[i * n + j] ?? NaN, 9);
			for (let c = 0; c < 3; c++)
				lx[i * 3 + c] = (lx[i * 3 + c] ?? 0) + (l[i * n + j] ?? 0) * (x[j * 3 + c] ?? 0);
		}
	solveLower(l, n, lx, 3);
	lx.forEach((value, i) => expect(value).toBeCloseTo(x[i] ?? NaN, 3));
	expect(() => cholesky(gram(4, 2, -1), 4)).toThrow(RangeError);
});
