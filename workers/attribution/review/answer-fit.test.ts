import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { fitsOf, lossFit, matchDoubts, vectorKernels, wordKernels, type Answered } from './answer-fit.ts';

const KINDS = ['river', 'metal', 'sonnet', 'virus', 'bridge'];
const ANSWERS = [
	'flows to the sea',
	'shines and conducts',
	'has fourteen lines',
	'infects living cells',
	'spans a valley'
];

const fitsOfWords = (rows: readonly Answered[]) => fitsOf([wordKernels(rows)]);

/** Questions of five kinds, each with replies of its own words. */
function rowsOf(count: number): Answered[] {
	const random = seededRandom(5);
	const word = () => Math.floor(random() * 36 ** 5).toString(36);
	return Array.from({ length: count }, (_, i) => ({
		question: `What is the ${KINDS[i % 5]} ${word()}?`,
		reply: `One that ${ANSWERS[i % 5]}, ${word()} ${word()}.`
	}));
}

describe('how well replies fit questions', () => {
	test('by the words of other rows: as ridge regression without the row itself has it', () => {
		const rows = rowsOf(12);
		const n = rows.length;
		const [{ values } = { values: new Float64Array() }] = fitsOfWords(rows);
		// Kernels from the definition, (K₋ᵢ + λ)⁻¹ by elimination with row i left out.
		const [k, a] = [kernelOf(rows.map(({ question }) => question)), kernelOf(rows.map(({ reply }) => reply))];
		const expected = rows.map((_, i) => {
			const others = rows.map((_, j) => j).filter((j) => j !== i);
			const weights = solve(
				others.map((j) => others.map((l) => (k[j]?.[l] ?? 0) + (j === l ? 4 : 0))),
				others.map((j) => k[i]?.[j] ?? 0)
			);
			return rows.map((_, reply) =>
				others.reduce((sum, j, at) => sum + (j === reply ? 0 : (weights[at] ?? 0) * (a[j]?.[reply] ?? 0)), 0)
			);
		});
		const centre = centredBySquare(expected);
		for (let i = 0; i < n; i++)
			for (let j = 0; j < n; j++) expect(values[i * n + j]).toBeCloseTo(centre[i]?.[j] ?? NaN, 4);
	});

	test('by states: as their cosines have it; several kernels teach each other', () => {
		const random = seededRandom(7);
		const n = 9;
		const vectors = () =>
			Array.from({ length: n }, () => Float32Array.from({ length: 5 }, () => random() + 0.5));
		const [questions, replies] = [vectors(), vectors()];
		const less = (list: Float32Array[]) =>
			list.map((vector) =>
				Array.from(vector, (value, k) => value - list.reduce((sum, one) => sum + (one[k] ?? 0), 0) / n)
			);
		const cosines = less(questions).map((a) =>
			less(replies).map(
				(b) => a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0) / Math.hypot(...a) / Math.hypot(...b)
			)
		);
		const fits = fitsOf([wordKernels(rowsOf(n)), vectorKernels(questions, replies)]);
		expect(fits).toHaveLength(6);
		const expected = centredBySquare(cosines).flat();
		fits.at(-1)?.values.forEach((value, at) => expect(value).toBeCloseTo(expected[at] ?? NaN, 4));
	});

	test('by losses: what is of the reply or the question alone is taken away', () => {
		const n = 8;
		const random = seededRandom(2);
		const [question, reply] = [0, 1].map(() => Array.from({ length: n }, () => 3 * random()));
		const losses = Float64Array.from({ length: n * n }, (_, at) => {
			const [i, k] = [Math.floor(at / n), at % n];
			if ((k - i + n) % n > 4) return NaN;
			return (question?.[i] ?? 0) + (reply?.[k] ?? 0) - (i === k ? 1 : 0) + 0.2 * ((i * 7 + k * 3) % 5);
		});
		const { values, known } = lossFit(losses, n);
		for (let at = 0; at < n * n; at++) {
			expect(known?.[at]).toBe(Number.isNaN(losses[at]) ? 0 : 1);
			if (!known?.[at]) expect(values[at]).toBe(0);
			else if (Math.floor(at / n) === at % n) expect(values[at]).toBeGreaterThan(1);
			else expect(Math.abs(values[at] ?? NaN)).toBeLessThan(2.5);
		}
	});
});

describe('doubt', () => {
	test('stands first where answers were swapped', () => {
		const rows = rowsOf(40);
		const swapped = [3, 14, 21, 37];
		const told = rows.map((row, i) => {
			const at = swapped.indexOf(i);
			return at < 0 ? row : { ...row, reply: rows[swapped[(at + 1) % 4] ?? 0]?.reply ?? '' };
		});
		const doubts = matchDoubts(told, fitsOfWords(told));
		const order = doubts.map((_, i) => i).sort((a, b) => (doubts[b] ?? 0) - (doubts[a] ?? 0));
		expect(order.slice(0, 4).sort((a, b) => a - b)).toEqual(swapped);
		expect(Math.min(...doubts)).toBeGreaterThanOrEqual(0);
	});

	test('is none where all say the same, and the same for all where nothing tells pairs apart', () => {
		const same = Array.from({ length: 6 }, (_, i) => ({ question: `Question ${i}?`, reply: 'Yes.' }));
		for (const doubt of matchDoubts(same, fitsOfWords(same))) expect(doubt).toBeCloseTo(0, 6);
		const bare = ['one', 'two', 'three'].map((word, i) => ({ question: `${i}`, reply: word.repeat(i + 1) }));
		for (const doubt of matchDoubts(bare, [{ values: new Float64Array(9) }]))
			expect(doubt).toBeCloseTo(Math.log(1 + 2 * Math.exp(-3)), 6);
	});
});

/** Cosines of TF-IDF vectors over runs of three to five characters of marked words. */
function kernelOf(texts: readonly string[]): number[][] {
	const runs = texts.map((text) => {
		const count: Record<string, number> = {};
		for (const word of text.toLowerCase().match(/\w+/g) ?? [])
			for (const length of [3, 4, 5])
				for (let at = 0; at + length <= word.length + 2; at++) {
					const run = `^${word}$`.slice(at, at + length);
					count[run] = (count[run] ?? 0) + 1;
				}
		return count;
	});
	const vectors = runs.map((count) => {
		const weights = Object.entries(count).map(([run, f]): [string, number] => {
			const holding = runs.filter((other) => other[run]).length;
			return [run, (1 + Math.log(f)) * Math.log((1 + texts.length) / (1 + holding))];
		});
		const length = Math.hypot(...weights.map(([, weight]) => weight));
		return Object.fromEntries(weights.map(([run, weight]) => [run, weight / length]));
	});
	return vectors.map((one) =>
		vectors.map((other) =>
			Object.entries(one).reduce((sum, [run, weight]) => sum + weight * (other[run] ?? 0), 0)
		)
	);
}

/** Gauss and Jordan. */
function solve(matrix: number[][], right: number[]): number[] {
	const m = matrix.map((row, i) => [...row, right[i] ?? 0]);
	for (let i = 0; i < m.length; i++)
		for (let j = 0; j < m.length; j++) {
			if (j === i) continue;
			const factor = (m[j]?.[i] ?? 0) / (m[i]?.[i] ?? 1);
			for (let k = i; k <= m.length; k++)
				(m[j] as number[])[k] = (m[j]?.[k] ?? 0) - factor * (m[i]?.[k] ?? 0);
		}
	return m.map((row, i) => (row[m.length] ?? 0) / (row[i] ?? 1));
}

function centredBySquare(values: number[][]): number[][] {
	const average = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
	const all = average(values.flat());
	const columns = values.map((_, k) => average(values.map((row) => row[k] ?? 0)));
	const result = values.map((row) => row.map((value, k) => value - average(row) - (columns[k] ?? 0) + all));
	const deviation = Math.sqrt(average(result.flat().map((value) => value ** 2)));
	return result.map((row) => row.map((value) => value / deviation));
}
