import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderCards } from './cards.ts';
import { renderReadme } from './readme.ts';

test('the figures in the README are the saved results', () => {
	expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toBe(renderReadme());
});

test('the figures in the model cards are those of the manifests and the saved results', () => {
	for (const { is, should } of renderCards()) expect(is).toBe(should);
});
