import { formatEther } from 'viem';
import { locale } from '../i18n/locale.ts';

const ONE = 10n ** 18n;
/** Between a whole number and its fraction. */
const point = (0.5).toLocaleString(locale).charAt(1);

/**
 * Wei as OPEN for reading: thousands apart, as many places as say something (two, or three digits of a small amount).
 * Never rounded up, so that nobody reads more than there is.
 */
export function openAmount(wei: bigint): string {
	const sign = wei < 0n ? '−' : '';
	const amount = wei < 0n ? -wei : wei;
	const [whole = '0', fraction = ''] = formatEther(amount).split('.');
	const leading = whole === '0' ? (fraction.match(/^0*/)?.[0].length ?? 0) : 0;
	if (whole === '0' && leading >= 8)
		return amount === 0n ? '0' : `${sign}${amount.toLocaleString(locale)} wei`;
	const places = whole === '0' ? leading + 3 : 2;
	const shown = fraction.slice(0, places).replace(/0+$/, '');
	return `${sign}${BigInt(whole).toLocaleString(locale)}${shown ? `${point}${shown}` : ''}`;
}

/** Wei as OPEN with every digit: in a column that is to add up nothing may be cut. */
export function wholeAmount(wei: bigint): string {
	const [whole = '0', fraction] = formatEther(wei < 0n ? -wei : wei).split('.');
	return `${wei < 0n ? '−' : ''}${BigInt(whole).toLocaleString(locale)}${fraction ? `${point}${fraction}` : ''}`;
}

/** All digits, for copying and for who wants to know. */
export function exactly(wei: bigint): string {
	return `${formatEther(wei)} OPEN`;
}

/** What a person typed, in wei; undefined where it is no amount with at most 18 places. */
export function parseOpen(text: string): bigint | undefined {
	const match = /^\s*(\d{1,12})(?:[.,](\d{1,18}))?\s*$/.exec(text);
	if (!match) return undefined;
	return BigInt(match[1] ?? '0') * ONE + BigInt((match[2] ?? '').padEnd(18, '0'));
}

/** `part` of `whole` in percent, with one place below ten. */
export function percent(part: bigint, whole: bigint): string {
	if (whole === 0n) return '0 %';
	const value = Number((part * 1_000_000n) / whole) / 10_000;
	return `${value < 10 ? value.toLocaleString(locale, { maximumFractionDigits: 1 }) : Math.round(value)} %`;
}

/** `0x12ab…89ef`. */
export function shorten(hex: string): string {
	return `${hex.slice(0, 6)}…${hex.slice(-4)}`;
}
