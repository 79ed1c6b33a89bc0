import { locale } from '../i18n/locale.ts';

/** Made when the first is asked for: reading all names takes as long as a page's whole script. */
let languages: Intl.DisplayNames | undefined;

/** `de` → German; `not stated` where there is none. */
export function languageName(code: string): string {
	if (code === '') return 'not stated';
	try {
		languages ??= new Intl.DisplayNames(locale, { type: 'language', fallback: 'code' });
		return languages.of(code) ?? code;
	} catch {
		return code;
	}
}

/** A licence that is a text, not a name, is shown by its beginning. */
export function licenceName(licence: string): string {
	if (licence === '') return 'none stated';
	return licence.length > 40 ? `${licence.slice(0, 39).toWellFormed()}…` : licence;
}
