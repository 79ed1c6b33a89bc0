import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { HubControl } from '#test/support/hub-control.ts';
import { seededRandom } from '#test/support/random.ts';
import { downloadScenarios } from './download/download.scenarios.ts';
import { importScenarios } from './import/import.scenarios.ts';
import type { WorkerTask } from './scenarios.worker.ts';
import { storeScenarios } from './store/file-store.scenarios.ts';
import { folderScenarios } from './store/folder.scenarios.ts';
import { sha256Hex } from './store/hash.ts';

const seed = Date.now() % 1e9;
console.log(`models in the browser: seed ${seed}`);
const hubUrl = inject('hubUrl');

const startWorker = () => new Worker(new URL('./scenarios.worker.ts', import.meta.url), { type: 'module' });

function run(worker: Worker, task: WorkerTask, onProgress?: (progress: Progress) => void): Promise<string> {
	return new Promise((resolve, reject) => {
		worker.onmessage = ({ data }) => {
			if ('quota' in data) void setQuota(data.quota).then(() => data.reply.postMessage('done'), reject);
			else if ('outcome' in data) resolve(data.outcome);
			else onProgress?.(data.progress);
		};
		worker.onerror = (event) => reject(new Error(event.message));
		worker.postMessage(task);
	});
}

/** Runs a task in a worker of its own until it ends, or until `stop` says so: then the worker is killed. */
async function inOwnWorker(
	task: WorkerTask,
	stop: (progress: Progress) => boolean = () => false
): Promise<string> {
	const worker = startWorker();
	try {
		return await new Promise((resolve, reject) => {
			run(worker, task, (progress) => stop(progress) && resolve('killed')).then(resolve, reject);
		});
	} finally {
		worker.terminate();
	}
}

interface Progress {
	phase: string;
	bytesDone?: number;
}

async function setQuota(quotaSize: number | undefined): Promise<void> {
	await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize });
}

beforeEach(() => setQuota(undefined));
/** For the scenarios, one after another. */
const worker = startWorker();
afterAll(() => worker.terminate());

describe.each([
	['a folder', folderScenarios],
	['the store', storeScenarios],
	['the downloader', downloadScenarios],
	['the import', importScenarios]
])('in the origin private file system, %s', (_, scenarios) => {
	test.each(Object.keys(scenarios))('%s', async (name) => {
		expect(await run(worker, { run: name, hubUrl, seed })).toBe('passed');
	});
});

describe('tabs', () => {
	const hub = new HubControl(hubUrl);
	const bytes = new Uint8Array(3_000_000).map((_, i) => (i * 31) ^ (i >>> 9));

	async function planOf(repo: string) {
		await hub.put(repo, 'model.onnx', bytes);
		const remote = { url: `${hubUrl}/${repo}/resolve/main/model.onnx` };
		const file = { path: 'model.onnx', size: bytes.length, sha256: await sha256Hex(bytes), remote };
		return { label: { id: repo, kind: 'model' as const, name: repo, source: 'hub' }, files: [file] };
	}

	test('a download whose worker is killed at random points goes on in the next one', async () => {
		const random = seededRandom(seed);
		const repo = `test/killed-${seed}`;
		const task = { download: await planOf(repo), folder: `test-${crypto.randomUUID()}` };
		for (let round = 0; round < 4; round++) {
			await hub.fault({ path: repo, kind: 'slow', bytesPerSecond: 500_000 });
			// Of what this worker fetches: at that speed the first checkpoint, after half a second, is made before.
			const killAt = 320_000 + random() * 300_000;
			let began = Infinity;
			const killed = await inOwnWorker(task, ({ bytesDone = 0 }) => {
				if (bytesDone > 0) began = Math.min(began, bytesDone);
				return bytesDone - began > killAt;
			});
			expect(killed).toBe('killed');
		}
		expect(await inOwnWorker(task)).toBe('passed');
		const starts = (await hub.requests(repo)).map(({ range }) => Number(/\d+/.exec(range ?? '')?.[0] ?? 0));
		expect(starts).toHaveLength(5);
		// A checkpoint is made every half second: what came before the last one is not fetched again.
		expect(Math.max(...starts)).toBeGreaterThan(0);
		expect([...starts].sort((a, b) => a - b)).toEqual(starts);
	});

	test('two tabs download the same model once', async () => {
		const repo = `test/twice-${seed}`;
		const task = { download: await planOf(repo), folder: `test-${crypto.randomUUID()}` };
		await hub.fault({ path: repo, kind: 'slow', bytesPerSecond: 3_000_000 });
		const phases: string[][] = [[], []];
		const outcomes = phases.map((list) => inOwnWorker(task, ({ phase }) => list.push(phase) < 0));
		expect(await Promise.all(outcomes)).toEqual(['passed', 'passed']);
		expect(await hub.requests(repo)).toHaveLength(1);
		for (const list of phases) expect(list).toEqual(expect.arrayContaining(['waiting', 'download', 'done']));
	});
});
