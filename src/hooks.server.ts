import type { Handle } from '@sveltejs/kit/hooks';
import { languages } from '#lib/i18n/locale.ts';

// There is no server: this runs where the pages' markup is made (docs/decisions/first-paint.md). Nobody has chosen anything there,
// and the screen may be a phone's, which has the least time to put right what it is not.
Object.defineProperty(globalThis, 'localStorage', { value: { getItem: () => null } });
Object.defineProperty(globalThis, 'matchMedia', {
	value: (query: string) => ({ matches: /hover: none|pointer: coarse/.test(query) })
});

/** Tells the markup which address it is for, and which languages there are besides its own; `static/first.js` reads both. */
export const handle: Handle = ({ event, resolve }) =>
	resolve(event, {
		transformPageChunk: ({ html }) =>
			html
				.replace('%page%', event.route.id ?? '')
				.replace('%languages%', Object.keys(languages).join(' '))
				// Text comes first, and what makes it work after it.
				.replaceAll('rel="modulepreload"', 'rel="modulepreload" fetchpriority="low"')
	});
