import { describe, expect, test } from 'vitest';
import { folderScenarios } from './folder.scenarios.ts';

describe('a folder in the origin private file system', () => {
	test.each(Object.keys(folderScenarios))('%s', async (name) => {
		const worker = new Worker(new URL('./opfs-scenarios.worker.ts', import.meta.url), { type: 'module' });
		const outcome = await new Promise((resolve, reject) => {
			worker.onmessage = ({ data }) => resolve(data);
			worker.onerror = (event) => reject(new Error(event.message));
			worker.postMessage(name);
		});
		worker.terminate();
		expect(outcome).toBe('passed');
	});
});
