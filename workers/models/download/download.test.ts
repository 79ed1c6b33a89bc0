import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HubControl } from '#test/support/hub-control.ts';
import { HubServer } from '#test/support/hub-server.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import { downloadScenarios } from './download.scenarios.ts';

const seed = Date.now() % 1e9;
console.log(`downloads: seed ${seed}`);

let server: HubServer;
beforeAll(async () => {
	server = await HubServer.start();
});
afterAll(() => server.close());

describe('in memory, the downloader', () => {
	test.each(Object.entries(downloadScenarios))('%s', async (_name, scenario) => {
		const folder = new MemoryFolder();
		const setFree = async (bytes = Infinity) => {
			folder.quota = folder.used + bytes;
		};
		await expect(
			scenario({ folder, hub: new HubControl(server.url), seed, setFree })
		).resolves.toBeUndefined();
	});
});
