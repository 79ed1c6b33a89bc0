import { OpenLedgerError } from '#workers/errors.ts';

/** Long calls that can be cancelled by the name their caller gave them. */
export class Tasks {
	readonly #running = new Map<string, AbortController>();

	/** Runs `work`; its signal aborts with an OpenLedgerError `aborted`. A name in use is refused with `engine/busy`. */
	async run<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
		if (this.#running.has(id))
			throw new OpenLedgerError('engine/busy', 'This is already under way.', {
				remedy: 'Wait until it has finished, or cancel it.',
				details: { id }
			});
		const controller = new AbortController();
		this.#running.set(id, controller);
		try {
			return await work(controller.signal);
		} finally {
			this.#running.delete(id);
		}
	}

	/** Unknown names are ignored: the task may have ended a moment ago. */
	cancel(id: string): void {
		this.#running
			.get(id)
			?.abort(new OpenLedgerError('aborted', 'Stopped.', { remedy: 'Start it again when you like.' }));
	}
}
