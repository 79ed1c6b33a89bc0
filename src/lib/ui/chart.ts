/** One line of a chart. */
export interface Series {
	name: string;
	/** A place on the provenance scale, or the ink of the interface (`ink`, or `faint` for what stands behind). */
	ink: number | 'base' | 'ink' | 'faint';
	points: readonly { x: number; y: number }[];
	/** Marks each point: for few points that were measured one by one. */
	dots?: boolean;
	/** Dashes tell lines apart without colour. */
	dashed?: boolean;
}

export function inkColour(ink: Series['ink']): string {
	if (typeof ink === 'number') return `var(--contributor-${(ink % 6) + 1})`;
	return { base: 'var(--base)', ink: 'var(--ink)', faint: 'var(--line-strong)' }[ink];
}

/**
 * Round values from at or under `low` to at or over `high`, `count` of them or a few more or less (Heckbert 1990, "Nice
 * numbers for graph labels").
 */
export function ticks(low: number, high: number, count: number): number[] {
	if (!(high > low)) return [low];
	const raw = (high - low) / Math.max(1, count);
	const power = 10 ** Math.floor(Math.log10(raw));
	const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
	const first = Math.floor(low / step + 1e-9);
	const last = Math.ceil(high / step - 1e-9);
	// By multiplication: sums of 0.1 drift.
	return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * Exponential moving average that starts at the first value, as loss curves are usually smoothed.
 * @param weight of the past, 0 to 1
 */
export function smooth<P extends { x: number; y: number }>(points: readonly P[], weight: number): P[] {
	let past = points[0]?.y ?? 0;
	return points.map((point) => ({ ...point, y: (past = weight * past + (1 - weight) * point.y) }));
}

/** At most `count` points, spread evenly, the first and the last among them: no screen has more columns. */
export function thin<P>(points: readonly P[], count: number): P[] {
	if (points.length <= count) return [...points];
	const step = (points.length - 1) / (count - 1);
	return Array.from({ length: count }, (_, i) => points[Math.round(i * step)] as P);
}

/**
 * Every day from the first to the last, so that a pause is seen as one: fourteen at least, the last ninety at most.
 * @param days ascending
 * @param span first and last day, where charts stand together and are to be compared
 */
export function everyDay(
	days: readonly { day: number; value: bigint }[],
	span: readonly [first: number, last: number] = [days[0]?.day ?? 0, days.at(-1)?.day ?? 0]
): { day: number; value: bigint }[] {
	const [, last] = span;
	const first = Math.max(span[0], last - 89);
	const found = new Map(days.map(({ day, value }) => [day, value]));
	const count = Math.max(14, last - first + 1);
	return Array.from({ length: count }, (_, i) => {
		const day = last - count + 1 + i;
		return { day, value: found.get(day) ?? 0n };
	});
}
