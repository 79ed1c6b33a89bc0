import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AttributionApi } from '#workers/attribution/api.ts';
import type { Connection } from '../worker-connection.ts';
import { QuietWorker } from './quiet-worker.ts';

/** Of the worker only how long a call takes. */
let open = 0;
const connection = (): Connection<AttributionApi> => {
	open++;
	let isClosed = false;
	return {
		api: {} as Connection<AttributionApi>['api'],
		gone: new Promise(() => undefined),
		// What a worker that was ended had to do, it never answers.
		settle: (call) =>
			new Promise((resolve, reject) => call.then((value) => !isClosed && resolve(value), reject)),
		close: () => (isClosed = true)
	};
};
const worker = () => new QuietWorker(connection);
const after = (ms: number) => () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), ms));

beforeEach(() => {
	open = 0;
	vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

test('work that replies interrupted begins again when it is quiet, also where each follows the last at once', async () => {
	const quiet = worker();
	const states: string[] = [];
	void quiet.call(after(1000), () => states.push('held')).then((said) => states.push(said));
	await vi.advanceTimersByTimeAsync(10);
	for (let i = 0; i < 3; i++) {
		const release = quiet.hold();
		await vi.advanceTimersByTimeAsync(2000);
		release();
		// Sooner than quiet counts as quiet.
		await vi.advanceTimersByTimeAsync(100);
	}
	expect(states).toEqual(['held']);
	await vi.advanceTimersByTimeAsync(250);
	expect(open).toBe(1);
	await vi.advanceTimersByTimeAsync(1100);
	expect(states).toEqual(['held', 'done']);
	expect(open).toBe(2);
});

test('of two replies at once the last one ends the wait', async () => {
	const quiet = worker();
	const [first, second] = [quiet.hold(), quiet.hold()];
	let done = '';
	void quiet.call(after(10)).then((said) => (done = said));
	first();
	first();
	await vi.advanceTimersByTimeAsync(5000);
	expect(done).toBe('');
	second();
	await vi.advanceTimersByTimeAsync(500);
	expect(done).toBe('done');
});

test('an idle worker is ended after half a minute, one that works is not', async () => {
	const quiet = worker();
	await Promise.all([quiet.call(after(10)), vi.advanceTimersByTimeAsync(20)]);
	await vi.advanceTimersByTimeAsync(29_000);
	let done = '';
	void quiet.call(after(40_000)).then((said) => (done = said));
	await vi.advanceTimersByTimeAsync(41_000);
	expect([done, open]).toEqual(['done', 1]);
	await vi.advanceTimersByTimeAsync(31_000);
	await Promise.all([quiet.call(after(10)), vi.advanceTimersByTimeAsync(20)]);
	expect(open).toBe(2);
});
