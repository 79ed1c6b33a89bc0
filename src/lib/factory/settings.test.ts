import { expect, test } from 'vitest';
import { RANGES } from '#workers/train/hyperparameters.ts';
import { FIELDS, numbersIn, settingValue, sweepId, sweepOf } from './settings.ts';

test('every number that training can be told has a field', () => {
	const offered = FIELDS.flatMap(({ fields }) => fields.map(({ name }) => name));
	expect([...offered].sort()).toEqual(Object.keys(RANGES).sort());
});

test('values of a sweep are read as a person types them', () => {
	expect(numbersIn('0.001, 0.002;1e-4  0.001')).toEqual([0.001, 0.002, 1e-4]);
	expect(numbersIn('fast')).toEqual([]);
});

test('a run tells which sweep it belongs to', () => {
	expect(sweepOf(sweepId('k3f', 2))).toBe('k3f');
	expect(sweepOf(crypto.randomUUID())).toBeUndefined();
});

test('settings are written as people read them', () => {
	expect([0.002, 0.00002, 16, 0, true, ['q_proj', 'v_proj'], 'cosine'].map(settingValue)).toEqual([
		'0.002',
		'2e-5',
		'16',
		'0',
		'yes',
		'q, v',
		'cosine'
	]);
});
