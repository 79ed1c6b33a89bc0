import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderScenarios } from './folder.scenarios.ts';
import { MemoryFolder } from './memory-folder.ts';
import { NodeFolder } from './node-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'openledger-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

describe.each([
	['in memory', () => new MemoryFolder()],
	['on disk', () => new NodeFolder(join(root, String(count++)))]
])('a folder %s', (_, makeFolder) => {
	test.each(Object.entries(folderScenarios))('%s', async (_name, scenario) => {
		await expect(scenario(makeFolder())).resolves.toBeUndefined();
	});
});
