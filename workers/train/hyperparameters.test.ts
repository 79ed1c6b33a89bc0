import { expect, test } from 'vitest';
import { checkHyperparameters, type Hyperparameters } from './hyperparameters.ts';
import { learningRate } from './schedule.ts';

const sound: Hyperparameters = {
	rank: 16,
	alpha: 32,
	rankStabilised: false,
	targetModules: ['q_proj', 'v_proj'],
	dropout: 0,
	distillation: 0,
	optimiser: 'adamw',
	learningRate: 1e-3,
	schedule: 'cosine',
	warmup: 0.1,
	epochs: 3,
	steps: 0,
	batchTokens: 512,
	accumulation: 1,
	maxLength: 256,
	packing: true,
	recompute: false,
	reword: true,
	weightDecay: 0,
	clip: 1,
	validationShare: 0.1,
	validateEvery: 0,
	patience: 3
};

test('sound settings pass', () => {
	expect(() => checkHyperparameters(sound)).not.toThrow();
});

test.each([
	['rank', 0],
	['rank', 1.5],
	['rank', 257],
	['alpha', 0],
	['dropout', 1],
	['learningRate', 0],
	['learningRate', NaN],
	['learningRate', '0.1'],
	['epochs', 0],
	['batchTokens', Infinity],
	['schedule', 'zigzag'],
	['optimiser', 'lion'],
	['packing', 1],
	['recompute', 1],
	['targetModules', []],
	['targetModules', ['lm_head']],
	['targetModules', 'q_proj']
])('%s of %s is refused by name', (setting, value) => {
	expect(() => checkHyperparameters({ ...sound, [setting]: value })).toThrow(
		expect.objectContaining({ code: 'train/bad-settings', details: { setting } })
	);
});

test('the learning rate rises over the warm-up and falls along its schedule', () => {
	const rates = (schedule: Hyperparameters['schedule']) =>
		Array.from({ length: 100 }, (_, step) =>
			learningRate({ learningRate: 1, schedule, warmup: 0.1 }, step, 100)
		);
	for (const schedule of ['constant', 'linear', 'cosine'] as const) {
		const all = rates(schedule);
		expect(all[0]).toBeCloseTo(0.1);
		expect(all[9]).toBe(1);
		expect(Math.max(...all)).toBe(1);
		expect(Math.min(...all)).toBeGreaterThan(0);
	}
	expect(rates('constant').slice(10)).toEqual(Array.from({ length: 90 }, () => 1));
	expect(rates('linear')[55]).toBeCloseTo(0.05 + 0.95 * 0.5);
	expect(rates('cosine')[55]).toBeCloseTo(0.05 + 0.95 * 0.5);
	expect(rates('cosine')[30]).toBeGreaterThan(rates('linear')[30] as number);
});
