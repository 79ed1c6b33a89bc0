import { locale } from '../i18n/locale.ts';

const languages = new Intl.DisplayNames(locale, { type: 'language', fallback: 'code' });

/** `de` → German; `not stated` where there is none. */
export function languageName(code: string): string {
	if (code === '') return 'not stated';
	try {
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
