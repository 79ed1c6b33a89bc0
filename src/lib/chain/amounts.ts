const WEI = 10n ** 18n;

/**
 * Wei as a person reads OPEN: four significant decimals at most, rounded down, never in scientific notation; what is too small to
 * show is said so. The unit is left to the caller.
 */
export function openAmount(wei: bigint): string {
	if (wei < 0n) return `−${openAmount(-wei)}`;
	const whole = wei / WEI;
	const rest = wei % WEI;
	if (rest === 0n) return whole.toLocaleString('en');
	const digits = rest.toString().padStart(18, '0');
	const places = whole > 0n ? 4 : Math.min(digits.search(/[1-9]/) + 4, 8);
	const kept = digits.slice(0, places).replace(/0+$/, '');
	if (whole === 0n && !kept) return 'less than 0.00000001';
	return kept ? `${whole.toLocaleString('en')}.${kept}` : whole.toLocaleString('en');
}
