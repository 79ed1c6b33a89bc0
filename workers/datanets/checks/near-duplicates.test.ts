import { expect, test } from 'vitest';
import { processorTime } from '#test/support/processor-time.ts';
import { Dice } from '#test/support/dice.ts';
import { NEAR, NearDuplicates } from './near-duplicates.ts';
import { jaccard, shinglesOf } from './shingles.ts';

function groupsOf(texts: string[]): Int32Array {
	const near = new NearDuplicates();
	for (const text of texts) near.add(shinglesOf(text));
	const run = near.groups();
	for (;;) {
		const { value, done } = run.next();
		if (done) return value;
	}
}

test('equal but for case, accents and punctuation is the same text; empty texts are no duplicates', () => {
	const texts = [
		'The femur is the longest bone.',
		'the FÉMUR is, the longest bone',
		'',
		'',
		'Another text here.'
	];
	expect([...groupsOf(texts)]).toEqual([0, 0, -1, -1, -1]);
});

test('Jaccard similarity is that of the definition', () => {
	const dice = new Dice();
	for (let trial = 0; trial < 100; trial++) {
		const set = () => new Set(Array.from({ length: dice.below(40) }, () => dice.below(60)));
		const [a, b] = [set(), set()];
		const expected = a.union(b).size === 0 ? 0 : a.intersection(b).size / a.union(b).size;
		const sorted = (values: Set<number>) => Uint32Array.from(values).sort();
		expect(jaccard(sorted(a), sorted(b))).toBeCloseTo(expected, 12);
	}
});

test('recall against every pair compared is at least 0.95 at similarity 0.8, and nothing else is called similar', () => {
	const dice = new Dice();
	const words = Array.from({ length: 2_000 }, (_, i) => `w${i}`);
	const texts: string[][] = [];
	for (let i = 0; i < 600; i++) {
		const original = Array.from({ length: 40 + dice.below(80) }, () => dice.pick(words));
		texts.push(original);
		if (i % 2 === 0) texts.push(original.map((word) => (dice.next() < 0.04 ? dice.pick(words) : word)));
	}
	const shingles = texts.map((text) => shinglesOf(text.join(' ')));
	const groups = groupsOf(texts.map((text) => text.join(' ')));
	let pairs = 0;
	let found = 0;
	let wrong = 0;
	for (let i = 0; i < texts.length; i++)
		for (let j = 0; j < i; j++) {
			const near = jaccard(shingles[i] ?? new Uint32Array(), shingles[j] ?? new Uint32Array()) >= NEAR;
			const together = groups[i] !== -1 && groups[i] === groups[j];
			if (near) {
				pairs++;
				if (together) found++;
			} else if (together) wrong++;
		}
	expect(wrong).toBe(0);
	expect(pairs).toBeGreaterThan(50);
	expect(found / pairs).toBeGreaterThanOrEqual(0.95);
});

test('a hundred thousand equal short texts take no quadratic time', () => {
	const started = processorTime();
	const groups = groupsOf(Array.from({ length: 100_000 }, (_, i) => `same words every time ${i % 3}`));
	expect(new Set(groups).size).toBe(3);
	expect(processorTime() - started).toBeLessThan(40_000);
}, 120_000);
