import { readFileSync } from 'node:fs';

/**
 * The process of a browser's pages that computes most while `spin` makes one page compute.
 * @param ask what `SystemInfo.getProcessInfo` answers: processor time in seconds
 * @throws when the browser has no page
 */
export async function busiestRenderer(
	ask: () => Promise<{ processInfo: { type: string; id: number; cpuTime: number }[] }>,
	spin: () => Promise<unknown>
): Promise<number> {
	const times = async () => {
		const { processInfo } = await ask();
		return new Map(
			processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime])
		);
	};
	const before = await times();
	await spin();
	const after = [...(await times())].map(([id, used]) => ({ id, used: used - (before.get(id) ?? used) }));
	const busiest = after.sort((a, b) => b.used - a.used)[0];
	if (!busiest) throw new Error('The page has no process.');
	return busiest.id;
}

/** Private memory in MB (10⁶ bytes), as Chromium's own task manager counts it on Linux: anonymous pages and swap. */
export function footprint(pid: number): number {
	const status = readFileSync(`/proc/${pid}/status`, 'utf8');
	const kilobytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0);
	return ((kilobytes('RssAnon') + kilobytes('VmSwap')) * 1024) / 1e6;
}
