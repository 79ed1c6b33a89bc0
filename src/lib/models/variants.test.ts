import { expect, test } from 'vitest';
import type { ModelEntry } from '#workers/protocol.ts';
import { groupVariants } from './variants.ts';

const entry = (id: string, more: Partial<ModelEntry> = {}) =>
	({ id, name: 'Llama', source: 'hub', stored: 'none', dtype: id, ...more }) as ModelEntry;
const ids = (entries: ModelEntry[], loaded?: string) =>
	groupVariants(entries, loaded).map((group) => group.map(({ id }) => id));

test('precisions of one model are one entry, the smallest that runs here in front', () => {
	const warned = entry('q4f16', { memoryBytes: 1, warning: 'slow' });
	const entries = [warned, entry('fp32', { memoryBytes: 9 }), entry('q4', { memoryBytes: 2 })];
	expect(ids([...entries, entry('other', { name: 'Qwen' })])).toEqual([['q4', 'fp32', 'q4f16'], ['other']]);
});

test('what is in use or on the device comes before what is not', () => {
	const entries = [entry('a'), entry('b', { stored: 'partial' }), entry('c', { stored: 'complete' })];
	expect(ids(entries)).toEqual([['c', 'b', 'a']]);
	expect(ids(entries, 'a')).toEqual([['a', 'c', 'b']]);
});

test('a local model is not a precision of one from the Hub', () => {
	expect(ids([entry('a'), entry('b', { source: 'local' })])).toEqual([['a'], ['b']]);
});
