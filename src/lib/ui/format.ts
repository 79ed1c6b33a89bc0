import { locale } from '../i18n/locale.ts';

/** Bytes as a person reads them on a disk: decimal units, two or three digits. */
export function bytes(count: number): string {
	if (count < 1000) return `${count} B`;
	const units = ['kB', 'MB', 'GB', 'TB'];
	let value = count;
	let unit = -1;
	do {
		value /= 1000;
		unit++;
	} while (value >= 999.5 && unit < units.length - 1);
	return `${value < 9.95 ? decimal(value, 1) : Math.round(value)} ${units[unit]}`;
}

/** Seconds left, rounded so that the number does not flicker: "12 s", "3 min", "1 h 20 min". */
export function timeLeft(seconds: number): string {
	if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`;
	const minutes = Math.ceil(seconds / 60);
	if (minutes < 60) return `${minutes} min`;
	return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** By their places. Made once: that takes longer than a thousand uses. */
const decimals = new Map<number, Intl.NumberFormat>();

/** A number with as many places as told. */
export function decimal(value: number, places: number): string {
	const format =
		decimals.get(places) ??
		new Intl.NumberFormat(locale, { minimumFractionDigits: places, maximumFractionDigits: places });
	decimals.set(places, format);
	return format.format(value);
}

/** How dates are written. Each is made when it is first used. */
const dates = {
	day: { year: 'numeric', month: 'short', day: 'numeric' },
	short: { month: 'short', day: 'numeric' },
	month: { year: 'numeric', month: 'long' },
	moment: { dateStyle: 'medium', timeStyle: 'short' }
} satisfies Record<string, Intl.DateTimeFormatOptions>;
const made = new Map<string, Intl.DateTimeFormat>();

function date(time: number, form: keyof typeof dates, timeZone?: 'UTC'): string {
	const key = form + timeZone;
	const format = made.get(key) ?? new Intl.DateTimeFormat(locale, { ...dates[form], timeZone });
	made.set(key, format);
	return format.format(time);
}

/** The day of a time. @param timeZone UTC for days that were counted in it */
export const day = (time: number, timeZone?: 'UTC') => date(time, 'day', timeZone);

/** The day of a time where the year is plain. @param timeZone UTC for days that were counted in it */
export const shortDay = (time: number, timeZone?: 'UTC') => date(time, 'short', timeZone);

/** The month of a time. */
export const month = (time: number) => date(time, 'month');

/** Day, hour and minute of a time. */
export const moment = (time: number) => date(time, 'moment');

/**
 * A count with its noun: `plural(1, ['row', 'rows'])`. The forms stand in the call, so that they are found and translated
 * together; with a language's own forms comes what says which of them a count takes.
 */
export function plural(
	count: number,
	forms: readonly string[],
	formOf = (n: number) => Number(n !== 1)
): string {
	return `${count.toLocaleString(locale)} ${forms[formOf(count)] ?? forms.at(-1)}`;
}

/** Parameters of a model: "7 M", "1.2 B". */
export function parameters(count: number): string {
	return count >= 995e6 ? `${decimal(count / 1e9, 1)} B` : `${Math.round(count / 1e6)} M`;
}

/** When something happened, relative to now, coarsely. */
export function ago(time: number, now = Date.now()): string {
	const passed = Math.floor((startOfDay(now) - startOfDay(time)) / 86_400_000);
	if (passed <= 0) {
		const minutes = Math.floor((now - time) / 60_000);
		if (minutes < 1) return 'just now';
		if (minutes < 60) return `${plural(minutes, ['minute', 'minutes'])} ago`;
		return 'today';
	}
	if (passed === 1) return 'yesterday';
	if (passed < 30) return `${passed} days ago`;
	return day(time);
}

function startOfDay(time: number): number {
	return new Date(time).setHours(0, 0, 0, 0);
}
