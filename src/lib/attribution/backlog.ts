/**
 * Works through a list that others add to, one pass at a time. What is added while a pass is ending gets another.
 * @param work goes through all that stands in the list
 * @returns to be called after each addition
 */
export function backlog(work: () => Promise<void>): () => void {
	let added = false;
	let isWorking = false;
	async function run(): Promise<void> {
		isWorking = true;
		while (added) {
			added = false;
			await work();
		}
		isWorking = false;
	}
	return () => {
		added = true;
		if (!isWorking) void run();
	};
}
