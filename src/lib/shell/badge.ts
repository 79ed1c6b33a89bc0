/** What waits for the person, by what it is about. */
const waiting = new Map<string, number>();

/**
 * Shows on the app's icon how many things wait. Does nothing where the browser has no badges or the app is not installed.
 * @param about `training`: runs that ended while nobody looked; `rewards`: claims that can be made
 * @param count replaces what was shown about it
 */
export function showBadge(about: 'training' | 'rewards', count: number): void {
	const before = waiting.get(about);
	if (before === count || (before === undefined && count === 0)) return;
	waiting.set(about, count);
	const total = [...waiting.values()].reduce((sum, one) => sum + one, 0);
	// A browser may refuse: the badge is a courtesy.
	void (total ? navigator.setAppBadge?.(total) : navigator.clearAppBadge?.())?.catch(() => undefined);
}

/** One more run has ended; the badge goes when the app is looked at again. */
export function trainingEnded(): void {
	if (document.visibilityState === 'visible') return;
	showBadge('training', (waiting.get('training') ?? 0) + 1);
	const seen = () => {
		if (document.visibilityState !== 'visible') return;
		document.removeEventListener('visibilitychange', seen);
		showBadge('training', 0);
	};
	document.addEventListener('visibilitychange', seen);
}
