import { expect, test } from 'vitest';
import type { RunDetail } from '#workers/train/api.ts';
import { comparison, keeping, keptOf, lastStep, wantedOf } from './run-words.ts';

const run = { step: 40, steps: 100, adapter: undefined };

test('what was halted is to go on; what was stopped, finished or kept already is to be kept', () => {
	for (const state of ['interrupted', 'paused', 'failed'] as const)
		expect(wantedOf({ ...run, state }), state).toBe('resume');
	for (const state of ['stopped', 'finished'] as const)
		expect(wantedOf({ ...run, state }), state).toBe('keep');
	expect(wantedOf({ ...run, state: 'stopped', step: 0 })).toBe('resume');
	expect(wantedOf({ ...run, state: 'interrupted', adapter: 'a' })).toBe('keep');
	expect(wantedOf({ ...run, state: 'interrupted', step: 100 })).toBe('keep');
});

test('the last weights of an interrupted run are those of its checkpoint, however far it had come', () => {
	expect(lastStep({ step: 40, checkpoint: 25 })).toBe(25);
	expect(lastStep({ step: 40, checkpoint: 0 })).toBe(0);
	expect(lastStep({ step: 40 })).toBe(40);
});

test('an adapter is of the weights that were saved, and of no others', () => {
	const run = { step: 40, bestStep: 3, kept: [{ adapter: 'last', at: 40 }] } as RunDetail;
	expect(keptOf(run, 'last')).toBe('last');
	expect(keptOf(run, 'best')).toBeUndefined();
	const both = { ...run, kept: [...run.kept, { adapter: 'best', at: 3 }] };
	expect(keptOf(both, 'best')).toBe('best');
	expect(keptOf(both, 'last')).toBe('last');
	// Gone on from since: its last weights are others.
	expect(keptOf({ ...both, step: 60 }, 'last')).toBeUndefined();
	expect(keptOf({ ...run, kept: [{ adapter: 'old' }] }, 'best')).toBe('old');
});

test('a run that held no row back claims neither such rows nor weights measured to be the best', () => {
	const small = { step: 40, bestStep: 40, baseLoss: undefined };
	expect(comparison(small)).not.toContain('held back');
	expect(keeping(small, 'best')).toBe('The weights of step 40, the last.');
	const held = { step: 40, bestStep: 3, baseLoss: 5, bestLoss: 2 };
	expect(comparison(held)).toContain('held back');
	expect(keeping(held, 'best')).toBe('The weights of step 3, the best that were measured.');
	expect(keeping(held, 'last')).toBe('The weights of step 40, the last.');
});
