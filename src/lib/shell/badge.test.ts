import { expect, test, vi } from 'vitest';
import { showBadge, trainingEnded } from './badge.ts';

test('the badge counts runs that ended while nobody looked and rewards that wait, and goes when both are seen', () => {
	const shown: number[] = [];
	const set = (count: number) => Promise.resolve(void shown.push(count));
	vi.stubGlobal('navigator', { setAppBadge: set, clearAppBadge: () => set(0) });
	const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
	vi.stubGlobal('document', page);
	// Who looks needs no badge; nothing is cleared that was not shown here.
	trainingEnded();
	showBadge('rewards', 0);
	expect(shown).toEqual([]);
	page.visibilityState = 'hidden';
	trainingEnded();
	trainingEnded();
	showBadge('rewards', 1);
	expect(shown).toEqual([1, 2, 3]);
	page.visibilityState = 'visible';
	page.dispatchEvent(new Event('visibilitychange'));
	expect(shown.at(-1)).toBe(1);
	showBadge('rewards', 0);
	expect(shown.at(-1)).toBe(0);
	vi.unstubAllGlobals();
});

test('a browser without badges, or one that refuses, loses nothing', async () => {
	vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'hidden' }));
	vi.stubGlobal('navigator', {});
	showBadge('rewards', 2);
	vi.stubGlobal('navigator', { setAppBadge: () => Promise.reject(new Error('not allowed')) });
	expect(() => trainingEnded()).not.toThrow();
	await Promise.resolve();
	vi.unstubAllGlobals();
});
