import { preferences } from '../preferences.svelte.ts';

/** Begins the guided path, or takes it up again where it was left. */
export function openGuide(): void {
	preferences.values.guide = { ...preferences.values.guide, open: true };
}

/** Closes it; what was done stays, and so does the place. */
export function closeGuide(): void {
	if (preferences.values.guide) preferences.values.guide.open = false;
}

/** Replies before a time count no longer: the sandbox in which they were paid for is gone. @param since undefined: all count again */
export function countFrom(since: number | undefined): void {
	if (preferences.values.guide) preferences.values.guide.since = since;
}
