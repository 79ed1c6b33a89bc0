import { expect, test } from 'vitest';
import { pourScenarios } from './pour.scenarios.ts';

test.each(Object.keys(pourScenarios))('from the origin private file system: %s', async (name) => {
	const worker = new Worker(new URL('./pour.worker.ts', import.meta.url), { type: 'module' });
	const outcome = new Promise((resolve, reject) => {
		worker.onmessage = ({ data }) => resolve(data);
		worker.onerror = ({ message }) => reject(new Error(message));
	});
	worker.postMessage(name);
	expect(await outcome).toBe('passed');
	worker.terminate();
});
