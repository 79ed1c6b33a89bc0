import { expect, test } from 'vitest';
import { checkHyperparameters, type Preset } from './hyperparameters.ts';
import { presetFor, type PresetFacts } from './presets.ts';

const facts: PresetFacts = {
	rows: 300,
	tokens: 12_000,
	longest: 96,
	hidden: 256,
	contextLength: 512,
	gpu: false
};
const presets: Preset[] = ['quick', 'balanced', 'thorough'];

test.each(presets)('%s is sound for any number of rows, any width and any context', (preset) => {
	for (const rows of [1, 20, 300, 5_000, 1_000_000])
		for (const hidden of [64, 256, 576, 4096])
			for (const contextLength of [64, 512, 131_072])
				for (const gpu of [true, false])
					expect(() =>
						checkHyperparameters(presetFor(preset, { ...facts, rows, hidden, contextLength, gpu }))
					).not.toThrow();
});

test('a preset that takes longer passes over the rows more often, and more rows are passed over less often', () => {
	const epochs = (preset: Preset, rows: number) => presetFor(preset, { ...facts, rows }).epochs;
	for (const rows of [10, 300, 3_000, 100_000]) {
		expect(epochs('quick', rows)).toBeLessThan(epochs('balanced', rows));
		expect(epochs('balanced', rows)).toBeLessThan(epochs('thorough', rows));
	}
	for (const preset of presets) {
		expect(epochs(preset, 3_000)).toBeLessThan(epochs(preset, 300));
		expect(epochs(preset, 100_000)).toBeLessThan(epochs(preset, 3_000));
	}
});

test('rows that fit one batch are passed over more often, so that there are steps enough', () => {
	for (const preset of presets) {
		const one = presetFor(preset, { ...facts, rows: 3, tokens: 60 }).epochs;
		expect(one).toBe(2 * presetFor(preset, { ...facts, rows: 50, tokens: 2_000 }).epochs);
	}
});

test('wider models take smaller steps', () => {
	const rate = (hidden: number) => presetFor('quick', { ...facts, hidden }).learningRate;
	expect(rate(576)).toBeLessThan(rate(256));
	expect(rate(2048)).toBeCloseTo(rate(256) / 8, 4);
});

test('the base’s expectations are not kept where they would fill the memory', () => {
	expect(presetFor('quick', facts).distillation).toBeGreaterThan(0);
	expect(presetFor('quick', { ...facts, tokens: 1e6, hidden: 2048 }).distillation).toBe(0);
});
