import { describe, expect, test } from 'vitest';
import { CachePool, commonPrefix } from './cache-pool.ts';

/** A cache of so many bytes that knows whether it was freed. */
class Held {
	disposed = false;
	readonly lengths = [1];
	readonly byteLength: number;
	constructor(byteLength: number) {
		this.byteLength = byteLength;
	}
	dispose() {
		this.disposed = true;
	}
}

describe('caches at rest', () => {
	test('the longest unused are freed when the budget is exceeded', () => {
		const pool = new CachePool(100);
		const [a, b, c] = [new Held(40), new Held(40), new Held(40)];
		pool.put('a', { tokens: [1], state: a });
		pool.put('b', { tokens: [1], state: b });
		const taken = pool.take('a');
		expect(taken?.state).toBe(a);
		pool.put('a', { tokens: [1], state: a });
		pool.put('c', { tokens: [1], state: c });
		expect([a.disposed, b.disposed, c.disposed]).toEqual([false, true, false]);
		expect(pool.byteLength).toBe(80);
	});

	test('of many small ones the last eight stay', () => {
		const pool = new CachePool(100);
		const states = Array.from({ length: 10 }, () => new Held(1));
		for (const [i, state] of states.entries()) pool.put(String(i), { tokens: [1], state });
		expect(states.map(({ disposed }) => disposed)).toEqual([true, true, ...Array<boolean>(8).fill(false)]);
	});

	test('one that alone exceeds the budget is not kept', () => {
		const pool = new CachePool(10);
		const state = new Held(11);
		pool.put('a', { tokens: [1], state });
		expect(state.disposed).toBe(true);
		expect(pool.take('a')).toBeUndefined();
	});

	test('a later cache of the same key replaces and frees the earlier', () => {
		const pool = new CachePool(100);
		const [first, second] = [new Held(1), new Held(2)];
		pool.put('a', { tokens: [1], state: first });
		pool.put('a', { tokens: [2], state: second });
		expect(first.disposed).toBe(true);
		expect(pool.take('a')?.state).toBe(second);
	});

	test('two lists share the tokens up to the first that differs', () => {
		expect(commonPrefix([1, 2, 3, 4], [1, 2, 5, 4])).toBe(2);
		expect(commonPrefix([1, 2], [1, 2, 3])).toBe(2);
		expect(commonPrefix([], [1])).toBe(0);
	});
});
