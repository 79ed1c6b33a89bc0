import { expect, test } from 'vitest';
import type { VerifyStep } from '#workers/attribution/receipts/verify.ts';
import { verdictWords } from './verdict-words.ts';

const steps: VerifyStep[] = ['identity', 'rules', 'base', 'adapter', 'index', 'transcript', 'scores'];

test('a confirmed receipt says what held, step by step', () => {
	const words = verdictWords({ verdict: 'confirmed', steps });
	expect(words).toMatchObject({ tone: 'good', title: 'Confirmed', missing: [] });
	expect(new Set(words.held).size).toBe(steps.length);
});

test('a refuted one says where and by how much', () => {
	const refuted = { verdict: 'refuted', step: 'lift', reason: 'The model gives another lift.' } as const;
	expect(verdictWords({ ...refuted, stated: '3.1', found: '2.4' })).toMatchObject({
		tone: 'bad',
		text: 'It does not hold at: what the adapter changed, measured again. The model gives another lift.',
		figures: { stated: '3.1', found: '2.4' }
	});
	expect(verdictWords(refuted).figures).toBeUndefined();
});

test('one that cannot be checked says what is missing, also what nobody foresaw', () => {
	const { tone, missing } = verdictWords({
		verdict: 'cannot check',
		missing: ['index', 'model', 'rules, version 7'],
		steps: ['identity']
	});
	expect(tone).toBe('open');
	expect(missing).toEqual([
		'The adapter’s index of rows (attribution.safetensors).',
		'The model, to measure the answer again.',
		'It needs rules, version 7.'
	]);
});
