const waiting: (() => void)[] = [];
let running: Promise<void> | undefined;
let opening = true;

/** True until the page that was opened stands whole. */
export const isOpening = () => opening;

/** Work that is done later, one piece a task: what a person does comes between, and waits for one piece at most. */
export function inTurn(work: () => void): void {
	waiting.push(work);
	running ??= run();
}

/** Resolves when nothing waits for its turn: the page stands whole. */
export async function allTaken(): Promise<void> {
	await running;
	opening = false;
}

async function run() {
	for (;;) {
		await nextTask();
		const work = waiting.shift();
		if (!work) break;
		try {
			work();
		} catch (error) {
			reportError(error);
		}
	}
	running = undefined;
}

// Safari has no scheduler.
const nextTask = () => globalThis.scheduler?.yield?.() ?? new Promise<void>((resolve) => setTimeout(resolve));
