import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { storeScenarios } from './file-store.scenarios.ts';
import { folderScenarios } from './folder.scenarios.ts';
import { MemoryFolder } from './memory-folder.ts';
import { NodeFolder } from './node-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'openledger-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

const folders = {
	'in memory': () => new MemoryFolder(),
	'on disk': () => new NodeFolder(join(root, String(count++)))
};
const suites = { 'a folder': folderScenarios, 'the store': storeScenarios };

for (const [place, makeFolder] of Object.entries(folders))
	for (const [subject, scenarios] of Object.entries(suites))
		describe(`${place}, ${subject}`, () => {
			test.each(Object.entries(scenarios))('%s', async (_name, scenario) => {
				await expect(scenario(makeFolder())).resolves.toBeUndefined();
			});
		});
