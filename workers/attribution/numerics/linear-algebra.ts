/** Small dense matrices, row-major float64. Sizes here are at most 1,024. */

/** Eigenvalues and vectors of a symmetric matrix. */
export interface Eigen {
	/** Descending. */
	values: Float64Array;
	/** Row i is the unit eigenvector of value i: [n, n]. */
	vectors: Float64Array;
}

/**
 * Eigendecomposition of a symmetric matrix [n, n], by Householder's reduction to tridiagonal form and implicit QL steps
 * (Golub and Van Loan, "Matrix Computations", 4th ed., §8.3).
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
	const { diagonal, beside, basis } = tridiagonalise(matrix, n);
	diagonalise(diagonal, beside, basis, n);
	const order = Array.from(diagonal, (_, i) => i).sort(
		(a, b) => (diagonal[b] as number) - (diagonal[a] as number)
	);
	const vectors = new Float64Array(n * n);
	order.forEach((from, to) => vectors.set(basis.subarray(from * n, (from + 1) * n), to * n));
	return { values: Float64Array.from(order, (i) => diagonal[i] as number), vectors };
}

/** T = Q A Qᵀ with T tridiagonal; `basis` is Q, [n, n]. */
function tridiagonalise(matrix: Float64Array, n: number) {
	const a = matrix.slice();
	const basis = new Float64Array(n * n);
	for (let i = 0; i < n; i++) basis[i * n + i] = 1;
	const v = new Float64Array(n);
	const p = new Float64Array(n);
	for (let k = 0; k < n - 2; k++) {
		let square = 0;
		for (let i = k + 1; i < n; i++) square += (a[i * n + k] as number) ** 2;
		const head = a[(k + 1) * n + k] as number;
		const length = Math.sqrt(square);
		if (length === 0) continue;
		const alpha = head > 0 ? -length : length;
		for (let i = k + 1; i < n; i++) v[i] = a[i * n + k] as number;
		v[k + 1] = head - alpha;
		const norm = square - head * head + (head - alpha) ** 2;
		if (norm === 0) continue;
		const factor = 2 / norm;
		// p = factor · A v, then A ← A − v wᵀ − w vᵀ with w = p − (factor / 2)(pᵀ v) v.
		let dot = 0;
		for (let i = k; i < n; i++) {
			let sum = 0;
			const row = i * n;
			for (let j = k + 1; j < n; j++) sum += (a[row + j] as number) * (v[j] as number);
			p[i] = factor * sum;
			if (i > k) dot += (p[i] as number) * (v[i] as number);
		}
		const half = (factor * dot) / 2;
		v[k] = 0;
		for (let i = k; i < n; i++) p[i] = (p[i] as number) - half * (v[i] as number);
		for (let i = k; i < n; i++) {
			const row = i * n;
			const [vi, pi] = [v[i] as number, p[i] as number];
			for (let j = k; j < n; j++)
				a[row + j] = (a[row + j] as number) - vi * (p[j] as number) - pi * (v[j] as number);
		}
		// Q ← H Q.
		p.fill(0);
		for (let i = k + 1; i < n; i++) {
			const vi = (v[i] as number) * factor;
			const row = i * n;
			for (let j = 0; j < n; j++) p[j] = (p[j] as number) + vi * (basis[row + j] as number);
		}
		for (let i = k + 1; i < n; i++) {
			const vi = v[i] as number;
			const row = i * n;
			for (let j = 0; j < n; j++) basis[row + j] = (basis[row + j] as number) - vi * (p[j] as number);
		}
	}
	const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i] as number);
	const beside = Float64Array.from({ length: n }, (_, i) => (i + 1 < n ? (a[(i + 1) * n + i] as number) : 0));
	return { diagonal, beside, basis };
}

/** QL with implicit Wilkinson shifts; rotates the rows of `basis` along. */
function diagonalise(d: Float64Array, e: Float64Array, basis: Float64Array, n: number): void {
	for (let l = 0; l < n; l++)
		for (let round = 0; ; round++) {
			let m = l;
			while (m + 1 < n) {
				const scale = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number);
				if (Math.abs(e[m] as number) <= Number.EPSILON * scale) break;
				m++;
			}
			if (m === l) break;
			if (round === 60) throw new RangeError('the eigenvalues do not converge: the matrix is not finite');
			let g = ((d[l + 1] as number) - (d[l] as number)) / (2 * (e[l] as number));
			let r = Math.hypot(g, 1);
			g = (d[m] as number) - (d[l] as number) + (e[l] as number) / (g + (g >= 0 ? r : -r));
			let [s, c, p] = [1, 1, 0];
			let i = m - 1;
			for (; i >= l; i--) {
				const f = s * (e[i] as number);
				const b = c * (e[i] as number);
				r = Math.hypot(f, g);
				e[i + 1] = r;
				if (r === 0) {
					d[i + 1] = (d[i + 1] as number) - p;
					e[m] = 0;
					break;
				}
				s = f / r;
				c = g / r;
				g = (d[i + 1] as number) - p;
				r = ((d[i] as number) - g) * s + 2 * c * b;
				p = s * r;
				d[i + 1] = g + p;
				g = c * r - b;
				rotate(basis, n, i, c, s);
			}
			if (r === 0 && i >= l) continue;
			d[l] = (d[l] as number) - p;
			e[l] = g;
			e[m] = 0;
		}
}

function rotate(basis: Float64Array, n: number, i: number, c: number, s: number): void {
	const [low, high] = [i * n, (i + 1) * n];
	for (let k = 0; k < n; k++) {
		const [x, y] = [basis[low + k] as number, basis[high + k] as number];
		basis[high + k] = s * x + c * y;
		basis[low + k] = c * x - s * y;
	}
}

/** Lower triangle L of a positive definite matrix [n, n] = L Lᵀ. Throws a RangeError where it is none. */
export function cholesky(matrix: Float64Array, n: number): Float64Array {
	const l = new Float64Array(n * n);
	for (let i = 0; i < n; i++)
		for (let j = 0; j <= i; j++) {
			let sum = matrix[i * n + j] as number;
			for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
			if (i > j) l[i * n + j] = sum / (l[j * n + j] as number);
			else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
			else throw new RangeError('the matrix is not positive definite');
		}
	return l;
}

/** L⁻¹ M in place, for a lower triangle L [n, n] and M [n, columns]. */
export function solveLower(l: Float64Array, n: number, m: Float32Array, columns: number): void {
	const row = new Float64Array(columns);
	for (let i = 0; i < n; i++) {
		row.set(m.subarray(i * columns, (i + 1) * columns));
		for (let k = 0; k < i; k++) {
			const factor = l[i * n + k] as number;
			if (factor === 0) continue;
			const above = k * columns;
			for (let j = 0; j < columns; j++) row[j] = (row[j] as number) - factor * (m[above + j] as number);
		}
		const diagonal = l[i * n + i] as number;
		for (let j = 0; j < columns; j++) m[i * columns + j] = (row[j] as number) / diagonal;
	}
}

export function dot(a: Float32Array, b: Float32Array): number {
	// Four sums at once, so that one addition need not wait for the other.
	let [s0, s1, s2, s3] = [0, 0, 0, 0];
	const n = a.length & ~3;
	for (let i = 0; i < n; i += 4) {
		s0 += (a[i] as number) * (b[i] as number);
		s1 += (a[i + 1] as number) * (b[i + 1] as number);
		s2 += (a[i + 2] as number) * (b[i + 2] as number);
		s3 += (a[i + 3] as number) * (b[i + 3] as number);
	}
	for (let i = n; i < a.length; i++) s0 += (a[i] as number) * (b[i] as number);
	return s0 + s1 + s2 + s3;
}
