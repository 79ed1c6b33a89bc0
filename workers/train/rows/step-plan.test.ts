import { expect, test } from 'vitest';
import { collate } from './collate.ts';
import { IGNORED, type Sample } from './encode.ts';
import { StepPlan } from './step-plan.ts';

const lengths = Array.from({ length: 60 }, (_, i) => 10 + ((i * 7) % 30));
const settings = { batchTokens: 256, packing: true, accumulation: 2, epochs: 3, steps: 0 };

test('every epoch learns every sample once, in steps of so many micro-batches', () => {
	const plan = new StepPlan(lengths, settings, 9);
	const seen = new Map<number, number[]>();
	for (let step = 0; step < plan.steps; step++) {
		const { epoch, batches } = plan.at(step);
		expect(batches.length).toBeGreaterThan(0);
		expect(batches.length).toBeLessThanOrEqual(2);
		seen.set(epoch, [...(seen.get(epoch) ?? []), ...batches.flatMap(({ sequences }) => sequences.flat())]);
	}
	expect([...seen.keys()]).toEqual([0, 1, 2]);
	for (const samples of seen.values())
		expect(samples.sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
	const ends = Array.from({ length: plan.steps }, (_, step) => plan.at(step)).filter(
		(step) => step.endsEpoch
	);
	expect(ends.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
});

test('a step is the same whichever was asked for before', () => {
	const [one, other] = [new StepPlan(lengths, settings, 9), new StepPlan(lengths, settings, 9)];
	const forwards = Array.from({ length: one.steps }, (_, step) => JSON.stringify(one.at(step)));
	for (let step = other.steps - 1; step >= 0; step--)
		expect(JSON.stringify(other.at(step))).toBe(forwards[step]);
});

test('steps, where given, decide instead of epochs', () => {
	const plan = new StepPlan(lengths, { ...settings, steps: 1000 }, 9);
	expect(plan.steps).toBe(1000);
	expect(plan.at(999).epoch).toBeGreaterThan(100);
	expect(() => plan.at(1000)).toThrow(RangeError);
});

test('samples that share a row have places and segments of their own, and padding teaches nothing', () => {
	const sample = (...ids: number[]): Sample => ({
		ids: Int32Array.from(ids),
		targets: Int32Array.from(ids, (_, i) => ids[i + 1] ?? IGNORED)
	});
	const batch = collate({ width: 6, sequences: [[0, 1], [2]] }, [sample(5, 6), sample(7, 8, 9), sample(4)]);
	expect(batch).toMatchObject({ rows: 2, width: 6, learnt: 3 });
	expect([...batch.ids]).toEqual([5, 6, 7, 8, 9, 0, 4, 0, 0, 0, 0, 0]);
	expect([...batch.positions]).toEqual([0, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0]);
	expect([...batch.segments]).toEqual([1, 1, 2, 2, 2, 0, 1, 0, 0, 0, 0, 0]);
	expect([...batch.targets]).toEqual([6, -100, 8, 9, -100, -100, ...Array.from({ length: 6 }, () => -100)]);
});
