import { expect, test } from 'vitest';
import type { ModelRecord } from '#workers/ledger/book.ts';
import { compare } from './registration.ts';

const hex = (digit: string) => digit.repeat(64);
const record = (id: number, hash: string, manifest = '0', index = '0') =>
	({ id, hash: `0x${hex(hash)}`, manifest: `0x${hex(manifest)}`, index: `0x${hex(index)}` }) as ModelRecord;
const models = [record(1, 'a'), record(2, 'b', 'c', 'd'), record(3, 'b', 'e', 'd')];

test('of two registrations of the same weights the one that matches wholly counts', () => {
	const found = { weights: hex('b'), manifest: hex('e'), index: `0x${hex('d')}` };
	expect(compare(models, found)).toMatchObject({ state: 'registered', model: { id: 3 } });
});

test('what a registration leaves open and what is not known is held against nobody', () => {
	expect(compare(models, { weights: hex('a'), manifest: hex('9'), index: `0x${hex('9')}` })).toMatchObject({
		state: 'registered',
		model: { id: 1 }
	});
	const manifest = hex('c');
	expect(compare(models, { weights: hex('b'), manifest })).toMatchObject({
		state: 'registered',
		model: { id: 2 }
	});
});

test('the same weights without the manifest that was registered are another adapter', () => {
	expect(compare(models, { weights: hex('b') })).toMatchObject({ state: 'mismatch', parts: ['manifest'] });
});

test('the same weights under another description or index do not match, and it says which', () => {
	expect(compare(models, { weights: hex('b'), manifest: hex('9'), index: `0x${hex('d')}` })).toMatchObject({
		state: 'mismatch',
		parts: ['manifest']
	});
	expect(compare(models, { weights: hex('b'), manifest: hex('c'), index: `0x${hex('9')}` })).toMatchObject({
		state: 'mismatch',
		model: { id: 2 },
		parts: ['index']
	});
});

test('a link that names a model gets that model or a refusal', () => {
	expect(compare(models, { weights: hex('b'), manifest: hex('c') }, 2)).toMatchObject({
		state: 'registered'
	});
	expect(compare(models, { weights: hex('a'), manifest: hex('c') }, 2)).toMatchObject({
		state: 'mismatch',
		parts: ['weights']
	});
	expect(compare(models, { weights: hex('a') }, 9)).toEqual({ state: 'none' });
	expect(compare(models, {}, 2)).toEqual({ state: 'unstated' });
	expect(compare(models, { weights: hex('f') })).toEqual({ state: 'none' });
});
