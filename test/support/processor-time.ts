/** Milliseconds of the processor that this process has taken: what else runs on the machine does not count, unlike in `performance.now()`. */
export function processorTime(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}
