export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2
		? (sorted[middle] as number)
		: ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Least and largest value: how far the machine's other work reached into the runs. */
export function spread(values: readonly number[]): [least: number, largest: number] {
	return [Math.min(...values), Math.max(...values)];
}

/** Milliseconds that `work` takes. */
export async function time(work: () => unknown): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

/** Slope and level of the line through `values` at 0, 1, 2, … by Theil (1950) and Sen (1968): medians, which up to 29 % of outliers do not move. */
export function theilSen(values: readonly number[]): { slope: number; level: number } {
	const slopes = values.flatMap((value, i) =>
		values.slice(0, i).map((before, j) => (value - before) / (i - j))
	);
	const slope = median(slopes);
	return { slope, level: median(values.map((value, i) => value - slope * i)) };
}
