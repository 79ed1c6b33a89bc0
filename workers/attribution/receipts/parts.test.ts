import { expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { partsOf, rowWeights } from './parts.ts';
import { sharesOf, unattributedScore, WHOLE, type Entry } from './shares.ts';

const random = seededRandom(12);
const below = (limit: number) => Math.floor(random() * limit);

function someEntries(): Entry[] {
	const places = new Map<string, Entry>();
	for (let i = 0; i < below(32); i++) {
		const [contributor, row] = [1 + below(4), below(1000)];
		places.set(`${row}`, { contributor, row, score: 1 + below(2 ** 20) });
	}
	return [...places.values()].sort((a, b) => a.contributor - b.contributor || a.row - b.row);
}

test('parts and rows add up to the whole, whatever was measured', () => {
	for (let round = 0; round < 300; round++) {
		const entries = someEntries();
		const tokens = { prompt: 3, reply: 1 + below(200) };
		const lift = below(3_000_000) * below(200) - 1_000_000;
		const support = below(2_000_000);
		const unattributed = unattributedScore(entries, below(2 ** 20), { lift, tokens: tokens.reply, support });
		const weights = sharesOf(entries, unattributed);
		const parts = partsOf({ weights, lift, tokens, unmeasured: null });
		expect(parts.base + parts.contributors + parts.unattributed).toBe(WHOLE);
		expect(Math.min(parts.base, parts.contributors, parts.unattributed)).toBeGreaterThanOrEqual(0);
		const rows = rowWeights(entries, weights);
		expect(rows.reduce((sum, weight) => sum + weight, 0)).toBe(parts.contributors);
		for (const { id, weight } of weights)
			if (id > 0)
				expect(rows.filter((_, i) => entries[i]?.contributor === id).reduce((a, b) => a + b, 0)).toBe(weight);
	}
});

test('the base keeps T / (L + T), and nothing is measured of an unmeasured reply', () => {
	const tokens = { prompt: 1, reply: 10 };
	// Ten nats over ten tokens: half is the base's.
	const half = {
		weights: [
			{ id: 0, weight: 40_000 },
			{ id: 3, weight: 25_535 }
		],
		lift: 10_000_000,
		tokens
	};
	expect(partsOf({ ...half, unmeasured: null })).toEqual({
		base: 32_767,
		contributors: 25_535,
		unattributed: 7_233
	});
	const nothing = { weights: [{ id: 0, weight: WHOLE }], lift: 0, tokens };
	expect(partsOf({ ...nothing, unmeasured: null })).toEqual({
		base: WHOLE,
		contributors: 0,
		unattributed: 0
	});
	expect(partsOf({ ...nothing, unmeasured: 'no-index' })).toEqual({
		base: 0,
		contributors: 0,
		unattributed: WHOLE
	});
});
