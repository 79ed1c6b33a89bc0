import { expect, test } from 'vitest';
import { lastStep, wantedOf } from './run-words.ts';

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
