import { preferences } from '../preferences.svelte.ts';

const dark = matchMedia('(prefers-color-scheme: dark)');

/** Keeps the page in the chosen theme. `static/first.js` does the same before the first paint. */
export function followTheme(): void {
	let system = $state(dark.matches);
	$effect(() => {
		const changed = () => (system = dark.matches);
		dark.addEventListener('change', changed);
		return () => dark.removeEventListener('change', changed);
	});
	$effect(() => {
		const { theme } = preferences.values;
		document.documentElement.dataset.theme = theme === 'system' ? (system ? 'dark' : 'light') : theme;
	});
}
