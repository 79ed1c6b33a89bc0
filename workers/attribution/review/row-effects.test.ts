import { expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { rowEffects } from './row-effects.ts';

/** An index of these rows alone. */
function indexOf(rows: number[][]) {
	const dims = rows[0]?.length ?? 0;
	return {
		rows: Int8Array.from(rows.flat()),
		projection: { dims } as Parameters<typeof rowEffects>[0]['projection'],
		contributors: Uint32Array.from(rows, () => 1)
	};
}

test('what a row does to the others is the sum of its scores with them, its own left out', () => {
	const seed = Date.now() % 1e6;
	console.log(`seed ${seed}`);
	const random = seededRandom(seed);
	const rows = Array.from({ length: 30 }, () =>
		Array.from({ length: 8 }, () => Math.floor(random() * 255) - 127)
	);
	const dot = (a: number[], b: number[]) => a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0);
	const effects = rowEffects(indexOf(rows));
	const mean = rows.reduce((sum, row) => sum + dot(row, row), 0) / rows.length;
	for (const [i, row] of rows.entries()) {
		const others = rows.reduce((sum, other, j) => sum + (i === j ? 0 : dot(row, other)), 0);
		expect(effects[i]?.self).toBeCloseTo(dot(row, row) / mean, 9);
		expect(effects[i]?.others).toBeCloseTo(others / dot(row, row), 9);
	}
});

test('a row that says the opposite of the others harms them, a duplicate does nothing', () => {
	const [a, b, against, duplicate] = rowEffects(
		indexOf([
			[100, 10],
			[100, -10],
			[-100, 0],
			[0, 0]
		])
	);
	expect(against?.others).toBeLessThan(-1);
	for (const row of [a, b]) expect(row?.others).toBeGreaterThan(against?.others ?? 0);
	expect(duplicate).toEqual({ others: 0, self: 0 });
});
