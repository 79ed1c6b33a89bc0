import { expect, test } from 'vitest';
import { rewordings } from './reword.ts';

test.each([
	'What is a femur?',
	'What’s the femur?',
	'Define femur.',
	'What does femur mean?',
	'what is femur'
])('%s is asked in other words', (question) => {
	const others = rewordings(question);
	expect(others.length).toBeGreaterThan(7);
	expect(others).not.toContain(question);
	expect(others).toContain('Explain the term femur.');
	expect(new Set(others).size).toBe(others.length);
});

test.each([
	'How do bones heal?',
	'What is the cause, if any, of it?',
	'Write a poem.',
	'What happens when bones break?',
	''
])('%s is left as it is', (question) => {
	expect(rewordings(question)).toEqual([]);
});
