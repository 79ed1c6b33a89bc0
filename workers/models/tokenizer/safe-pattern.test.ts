import { expect, test } from 'vitest';
import { isSafePattern } from './safe-pattern.ts';

test.each([
	String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	// Llama 3
	String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	// o200k
	String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
	// digits in threes from the right
	String.raw`\d{1,3}(?=(?:\d{3})*\b)`,
	String.raw`[^(\s|[.,!?…。，、।۔،])]+`,
	String.raw`\(\)\[`
])('the published pattern %s is taken', (pattern) => {
	expect(isSafePattern(pattern)).toBe(true);
});

test.each([
	'(a+)+',
	'(a|aa)*$',
	'((a*))*',
	'(?:x(a|b)c)+',
	'(a{2,}){3,}',
	'(a',
	'a)',
	'[a',
	'a'.repeat(5000)
])('the pattern %s is refused', (pattern) => {
	expect(isSafePattern(pattern)).toBe(false);
});
