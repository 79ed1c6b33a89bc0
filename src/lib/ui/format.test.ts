import { expect, test } from 'vitest';
import { ago, bytes, day, month, parameters, plural, shortDay, timeLeft } from './format.ts';

test.each([
	[0, '0 B'],
	[999, '999 B'],
	[1000, '1.0 kB'],
	[9949, '9.9 kB'],
	[9999, '10 kB'],
	[999_499, '999 kB'],
	[999_500, '1.0 MB'],
	[7_400_000, '7.4 MB'],
	[2.1e9, '2.1 GB']
])('%d bytes read %s', (count, text) => {
	expect(bytes(count)).toBe(text);
});

test('time left never reads zero, and does not flicker by seconds when it is long', () => {
	expect([0.2, 59.5, 61, 3600, 3661].map(timeLeft)).toEqual([
		'1 s',
		'60 s',
		'2 min',
		'1 h 0 min',
		'1 h 2 min'
	]);
});

test('counts agree with their noun', () => {
	expect([
		plural(1, ['row', 'rows']),
		plural(1234, ['row', 'rows']),
		plural(2, ['reply', 'replies'])
	]).toEqual(['1 row', '1,234 rows', '2 replies']);
});

test('parameters change unit where the name of the model does', () => {
	expect([6.95e6, 994e6, 995e6, 1.24e9].map(parameters)).toEqual(['7 M', '994 M', '1.0 B', '1.2 B']);
});

test('a day is a calendar day, not 24 hours', () => {
	const noon = new Date(2026, 10, 21, 12).getTime();
	const hour = 3_600_000;
	expect(ago(noon - 30_000, noon)).toBe('just now');
	expect(ago(noon - 11 * hour, noon)).toBe('today');
	expect(ago(noon - 13 * hour, noon)).toBe('yesterday');
	expect(ago(noon - 40 * 24 * hour, noon)).toBe('Oct 12, 2026');
});

test('a date is written in one way wherever it stands; days that were counted in UTC are told in UTC', () => {
	const late = Date.UTC(2026, 0, 31, 23, 30);
	expect([day(late, 'UTC'), shortDay(late, 'UTC'), month(Date.UTC(2026, 4, 15))]).toEqual([
		'Jan 31, 2026',
		'Jan 31',
		'May 2026'
	]);
});
