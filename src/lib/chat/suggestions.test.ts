import { expect, test } from 'vitest';
import type { AdapterEntry, ModelEntry } from '#workers/protocol.ts';
import { suggestions } from './suggestions.ts';

const nano = { source: 'bundled' } as ModelEntry;
const adapter = (...examples: string[]) => ({ examples }) as AdapterEntry;

test('the chosen adapter’s own questions come first, of two in turn', () => {
	expect(suggestions(nano, [adapter('a1', 'a2', 'a3'), adapter('b1', 'b2')])).toEqual([
		'a1',
		'b1',
		'a2',
		'b2'
	]);
});

test('without an adapter they suit the model', () => {
	expect(suggestions({ ...nano, examples: ['m'] }, [])).toEqual(['m']);
	expect(suggestions(nano, [adapter()])).not.toEqual(suggestions({ source: 'hub' } as ModelEntry, []));
	expect(suggestions(undefined, []).length).toBeGreaterThan(0);
});
