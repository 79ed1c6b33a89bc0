/** Languages of the app by their own names. Each but English has a catalogue in `src/locales`. */
export const languages = { en: 'English', de: 'Deutsch' } as const;

export type Locale = keyof typeof languages;

/** The first of the wanted languages that there is. */
export function chooseLocale(wanted: readonly (string | undefined)[]): Locale {
	for (const tag of wanted) {
		const language = tag?.split('-')[0]?.toLowerCase() ?? '';
		if (Object.hasOwn(languages, language)) return language as Locale;
	}
	return 'en';
}

/** As stored by src/lib/preferences.svelte.ts, which is of the page and comes later. */
function chosen(): string | undefined {
	try {
		return JSON.parse(localStorage.getItem('openledger.preferences') ?? '{}').language;
	} catch {
		return undefined;
	}
}

/** What the browser’s languages come to. */
export const systemLocale = () => chooseLocale(navigator.languages);

/** Of words, numbers and dates; the same as long as the page stands. English outside a page. */
export const locale: Locale = globalThis.document ? chooseLocale([chosen(), ...navigator.languages]) : 'en';
