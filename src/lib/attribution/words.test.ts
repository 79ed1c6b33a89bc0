import { expect, test } from 'vitest';
import { WHOLE } from '#workers/attribution/receipts/shares.ts';
import type { AttributionRecord, ContributorShare } from './records.ts';
import { UNMEASURED } from '#workers/attribution/receipts/receipt.ts';
import {
	barOf,
	explanationOf,
	lineOf,
	partOf,
	passageLine,
	percent,
	unmeasuredWords,
	withoutMarks
} from './words.ts';

const people = (...shares: number[]): ContributorShare[] =>
	shares.map((share, i) => ({ id: i + 1, name: 'Ada', share }));

function measured(base: number, contributors: number[]): AttributionRecord {
	const sum = contributors.reduce((total, share) => total + share, 0);
	return {
		...{
			id: 'r',
			conversation: 'c',
			adapter: { id: 'a', name: 'Anatomy', files: { config: '', weights: '' } },
			model: { id: 'm', sha256: '' }
		},
		...{ state: 'measured', text: '', from: 0, time: 0, price: 0n, rows: [], contributions: [] },
		parts: { base, contributors: sum, unattributed: WHOLE - base - sum },
		contributors: people(...contributors),
		transcript: { salt: '0x', prompt: [], reply: [], query: new Int8Array(), entries: [] }
	};
}

test('a share is a percentage that never says all or nothing where it is not', () => {
	expect([0, 1, 1000, 6520, WHOLE / 2, WHOLE - 1, WHOLE].map((share) => percent(share))).toEqual([
		...['0 %', 'under 0.1 %', '1.5 %', '9.9 %', '50 %', '99 %', '100 %']
	]);
});

test('parts of a sum never add up to more than it, to the wei', () => {
	const wei = 1_000_000_000_000_000_001n;
	const shares = [20_000, 30_000, 15_535];
	const paid = shares.reduce((sum, share) => sum + partOf(wei, share), 0n);
	expect(paid).toBeLessThanOrEqual(wei);
	expect(wei - paid).toBeLessThan(3n);
	expect(partOf(wei, WHOLE)).toBe(wei);
});

test('a bar has base, people and nobody in this order, whole, and the seventh person with all others', () => {
	const record = measured(20_000, [9000, 8000, 7000, 6000, 5000, 4000, 300, 200]);
	const bar = barOf(
		record,
		({ id }) => `p${id}`,
		({ id }) => id
	);
	expect(bar.map(({ label }) => label)).toEqual([
		...['The base model', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6'],
		...['2 other people', 'Nobody in particular']
	]);
	expect(bar.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
	expect(barOf({ contributors: [] }, String, () => 0)).toEqual([]);
});

test('every state has a line that fits under a reply on a phone, and an explanation', () => {
	const whole = measured(30_000, [20_000, 1]);
	const states: AttributionRecord[] = [
		whole,
		measured(WHOLE - 10, [10]),
		measured(1000, []),
		{ ...whole, state: 'waiting' },
		...(['start', 'gradient', 'rows'] as const).map((phase) => ({
			...whole,
			state: 'measuring' as const,
			phase
		})),
		...(
			['no-adapter', 'blended', 'no-index', 'wrong-index', 'empty-reply', 'too-long', 'failed'] as const
		).map((reason) => ({ ...whole, state: 'unmeasured' as const, reason }))
	];
	const lines = states.map(lineOf);
	expect(lines.slice(0, 3)).toEqual([
		'31 % from 2 people’s rows',
		'Nearly all of it is the base model’s own.',
		'The adapter shaped it, but no row stands out.'
	]);
	expect(new Set(lines).size).toBe(lines.length);
	for (const line of lines) expect(line.length).toBeLessThanOrEqual(48);
	for (const state of states) expect(explanationOf(state).length).toBeGreaterThan(40);
});

test('what went wrong is said with what it means', () => {
	const failed = { ...measured(0, []), state: 'unmeasured' as const, reason: 'failed' as const };
	expect(explanationOf({ ...failed, cause: 'Out of memory.' })).toBe(
		'Something went wrong while the answer was read again. Nothing is guessed in its place. The cause: Out of memory. Whatever is owed for it goes to everyone who gave rows, by fixed shares.'
	);
	expect(explanationOf(failed)).not.toContain('cause:');
});

test('a quoted piece of a reply is its words, without the marks of Markdown', () => {
	expect(withoutMarks('- **Bone** is `hard`,\n  see [the _femur_](https://a.example/b) snake_case')).toBe(
		'Bone is hard, see the femur snake_case'
	);
	expect(withoutMarks('that forms the *skeleton')).toBe('that forms the skeleton');
});

test('a sentence that is pointed at says who moved it most, its rows added up by person', () => {
	const row = (contributor: number, share: number) => ({
		...{ row: share, contribution: '0x' as const, contributor, score: 1, share }
	});
	const record = {
		...measured(0, [10, 5]),
		sentences: [{ start: 0, end: 5, rows: [row(1, 20_000), row(2, 30_000), row(1, 15_000)] }]
	};
	const name = ({ id }: { id: number }) => `p${id}`;
	expect(passageLine(record, { start: 2, end: 3 }, name)).toBe('This sentence: p1 53 %, p2 46 %');
	expect(passageLine(record, { start: 7, end: 9 }, name)).toBeUndefined();
	expect(
		passageLine({ ...record, sentences: [{ start: 0, end: 5, rows: [] }] }, { start: 0, end: 1 }, name)
	).toBe('This sentence: no row moved it.');
});

test('a receipt without a measurement says why, without what only the owner of the answer could do', () => {
	for (const reason of UNMEASURED) {
		const { line, why } = unmeasuredWords(reason);
		expect(line).toBe(lineOf({ ...measured(0, []), state: 'unmeasured', reason }));
		expect(why).not.toContain('on this device');
		expect(why.includes('owed')).toBe(reason !== 'no-adapter');
	}
});
