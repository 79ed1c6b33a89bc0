import { expect, test } from 'vitest';
import { chooseLocale } from './locale.ts';

test('the first language that there is, whatever its region; English where there is none', () => {
	expect(chooseLocale(['de-AT', 'en'])).toBe('de');
	expect(chooseLocale([undefined, 'fr-CA', 'DE'])).toBe('de');
	expect(chooseLocale(['en-GB', 'de'])).toBe('en');
	expect(chooseLocale(['fr', 'constructor'])).toBe('en');
	expect(chooseLocale([])).toBe('en');
});
