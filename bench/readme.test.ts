import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderReadme } from './readme.ts';

test('the figures in the README are the saved results', () => {
	expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toBe(renderReadme());
});
