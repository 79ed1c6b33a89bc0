import { expect, test } from 'vitest';
import { ADAPTERS } from '#workers/engine/bundled.ts';
import type { AdapterEntry, ModelEntry } from '#workers/protocol.ts';
import { shipped, suggestions } from './suggestions.ts';

const nano = { source: 'bundled' } as ModelEntry;
const hub = { source: 'hub' } as ModelEntry;
const adapter = (...examples: string[]) => ({ examples }) as AdapterEntry;

test('the chosen adapter’s own questions come first, of two in turn, and are asked of what is chosen', () => {
	expect(suggestions(nano, [adapter('a1', 'a2', 'a3'), adapter('b1', 'b2')])).toEqual(
		['a1', 'b1', 'a2', 'b2'].map((text) => ({ text }))
	);
});

test('the bundled model alone offers questions to the adapters that ship with it, in turn, also before it is known', () => {
	const ids = shipped.map(({ id }) => id);
	expect(ids).toHaveLength(ADAPTERS.length);
	expect(suggestions(undefined, []).map(({ adapter }) => adapter)).toEqual([...ids, ...ids]);
	expect(suggestions({ ...nano, examples: ['m'] }, [])).toEqual(suggestions(undefined, []));
	for (const { text, adapter } of suggestions(nano, []))
		expect(shipped.find(({ id }) => id === adapter)?.examples).toContain(text);
});

test('otherwise they suit the model, and are asked of what is chosen', () => {
	const own = [{ text: 'm' }];
	expect(suggestions({ ...hub, examples: ['m'] }, [])).toEqual(own);
	expect(suggestions({ ...nano, examples: ['m'] }, [adapter()])).toEqual(own);
	expect(suggestions(hub, []).length).toBeGreaterThan(2);
	expect(suggestions(hub, []).some(({ adapter }) => adapter)).toBe(false);
});
