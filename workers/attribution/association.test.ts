import { expect, test } from 'vitest';
import { randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { associations, type Answered } from './association.ts';

/** The definition, row by row: [row]. */
function bySquare(rows: readonly Answered[]): number[] {
	const vectors = (texts: (readonly number[])[]) => {
		const dense = texts.map((text) =>
			Array.from({ length: 40 }, (_, token) => {
				const f = text.filter((one) => one === token).length;
				const n = texts.filter((one) => one.includes(token)).length;
				return f > 0 ? (1 + Math.log(f)) * Math.log((1 + texts.length) / (1 + n)) : 0;
			})
		);
		return dense.map((vector) => vector.map((value) => value / (Math.hypot(...vector) || 1)));
	};
	const dot = (a: number[] = [], b: number[] = []) =>
		a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0);
	const [q, a] = [vectors(rows.map((row) => [...row.question])), vectors(rows.map((row) => [...row.reply]))];
	return rows.map((_, i) => {
		let [both, near, any] = [0, 0, 0];
		for (let j = 0; j < rows.length; j++) {
			if (j === i) continue;
			both += dot(q[i], q[j]) * dot(a[i], a[j]);
			near += dot(q[i], q[j]);
			any += dot(a[i], a[j]);
		}
		return near > 1e-9 ? both / near - any / (rows.length - 1) : 0;
	});
}

test('in one pass what the definition says row by row', () => {
	const random = seededRandom(3);
	const rows = Array.from({ length: 30 }, () => ({
		question: randomIds(40, 4, random),
		reply: randomIds(40, 7, random)
	}));
	const found = associations(rows);
	bySquare(rows).forEach((expected, i) => expect(found[i]).toBeCloseTo(expected, 9));
});

test('a reply of another kind than its question’s is told, one of a question like no other is not', () => {
	// Questions of two kinds (1, 2), each with replies of its own tokens; the last row's is of the other kind.
	const row = (kind: number) => ({ question: [9, kind, 20 + kind], reply: [kind + 10, 8, 30] });
	const swapped = { ...row(1), reply: row(2).reply };
	const found = associations([row(1), row(1), row(1), row(2), row(2), row(2), swapped]);
	expect(Math.min(...found.slice(0, 6))).toBeGreaterThan(0);
	expect(found[6]).toBeLessThan(0);
	expect(associations([row(1), { question: [3], reply: [11, 5] }])).toEqual([0, 0]);
	expect(associations([row(1)])).toEqual([0]);
	expect(associations([])).toEqual([]);
});
