import { describe, expect, test } from 'vitest';
import { storeScenarios } from './file-store.scenarios.ts';
import { folderScenarios } from './folder.scenarios.ts';

async function runInWorker(name: string): Promise<unknown> {
	const worker = new Worker(new URL('./opfs-scenarios.worker.ts', import.meta.url), { type: 'module' });
	try {
		return await new Promise((resolve, reject) => {
			worker.onmessage = ({ data }) => resolve(data);
			worker.onerror = (event) => reject(new Error(event.message));
			worker.postMessage(name);
		});
	} finally {
		worker.terminate();
	}
}

describe.each([
	['a folder', folderScenarios],
	['the store', storeScenarios]
])('in the origin private file system, %s', (_, scenarios) => {
	test.each(Object.keys(scenarios))('%s', async (name) => {
		expect(await runInWorker(name)).toBe('passed');
	});
});
