import { expect, test } from 'vitest';
import { match } from './match.ts';

test('every word must occur, and a label that starts with the query wins', () => {
	const score = (query: string, ...keywords: string[]) => match('hash', query, keywords);
	expect(score('anat', 'Anatomy', 'bones')).toBeGreaterThan(score('tomy', 'Anatomy', 'bones'));
	expect(score('tomy', 'Anatomy', 'bones')).toBeGreaterThan(score('bones', 'Anatomy', 'bones'));
	expect(score('bones finance', 'Anatomy', 'bones')).toBe(0);
	expect(score('hash', 'Anatomy')).toBe(0);
});
