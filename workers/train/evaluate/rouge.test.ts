import { expect, test } from 'vitest';
import { rougeL, sameReply } from './rouge.ts';

// Expected values by hand: 2 × longest common subsequence ÷ words of both, as ROUGE-L's F-measure is defined (Lin 2004).
test.each([
	['police killed the gunman', 'police kill the gunman', 0.75],
	['police killed the gunman', 'the gunman kill police', 0.5],
	['the cat sat on the mat', 'the cat was sitting on the mat', 10 / 13],
	['Hard tissue.', 'hard   TISSUE', 1],
	['one two', 'three', 0],
	['', 'three', 0]
])('%s against %s', (expected, actual, score) => {
	expect(rougeL(expected, actual)).toBeCloseTo(score, 10);
	expect(rougeL(actual, expected)).toBeCloseTo(score, 10);
});

test('replies are the same whatever their case, spaces and full stop', () => {
	expect(sameReply('Hard tissue.', ' hard  tissue')).toBe(true);
	expect(sameReply('Hard tissue.', 'hard tissues')).toBe(false);
});
