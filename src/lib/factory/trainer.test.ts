import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';

/** Of the worker only that it lives. */
const workers = vi.hoisted(() => {
	vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined });
	return { started: 0, living: 0 };
});
vi.mock('./connection.ts', () => ({
	connectTrainer: () => {
		workers.started++;
		workers.living++;
		return {
			api: { configure: () => Promise.resolve() },
			gone: new Promise(() => undefined),
			settle: (call: Promise<unknown>) => call,
			close: () => workers.living--
		};
	}
}));
const { trainer } = await import('./trainer.svelte.ts');
const lasting = (ms: number) => trainer.call(() => new Promise<void>((resolve) => setTimeout(resolve, ms)));

afterAll(() => void vi.unstubAllGlobals());
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a worker gives its memory back five seconds after its last call, and never under one', async () => {
	const run = lasting(120_000);
	const look = lasting(1000);
	await vi.advanceTimersByTimeAsync(100_000);
	await look;
	expect(workers).toEqual({ started: 1, living: 1 });
	await vi.advanceTimersByTimeAsync(24_000);
	await run;
	expect(workers.living).toBe(1);
	await vi.advanceTimersByTimeAsync(5000);
	expect(workers.living).toBe(0);
	// The next call starts another, which lives for as long as it is asked.
	const again = lasting(1000);
	await vi.advanceTimersByTimeAsync(4000);
	await again;
	const more = lasting(1000);
	await vi.advanceTimersByTimeAsync(4000);
	await more;
	expect(workers).toEqual({ started: 2, living: 1 });
});
