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
