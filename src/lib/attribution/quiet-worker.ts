import type { Remote } from '#workers/comlink.ts';
import type { AttributionApi } from '#workers/attribution/api.ts';
import { RestingWorker } from '../resting-worker.ts';
import { connectAttribution, stopped } from './connection.ts';

/** Milliseconds of quiet before work begins: the next question often follows at once. */
const QUIET = 400;
/** Milliseconds after which an idle worker gives its memory back; replies come in rows. */
const IDLE = 30_000;

/**
 * An attribution worker that runs only while no reply is being written. A gradient cannot be stopped half way, so the worker is ended
 * when a person asks something, and what it was doing begins again when it is quiet: 0.2 s for nano, against a chat that stutters.
 */
export class QuietWorker {
	readonly #worker: RestingWorker<AttributionApi>;
	#holds = 0;
	/** Resolves with the quiet that is waited for now; `#begin` is there until then. */
	#quiet = Promise.resolve();
	#begin: (() => void) | undefined;
	#settling: ReturnType<typeof setTimeout> | undefined;
	/** One of each call under way: leaves it, to be made again. */
	readonly #leave = new Set<() => void>();

	/** @param open starts the worker */
	constructor(open = connectAttribution) {
		this.#worker = new RestingWorker(open, IDLE, stopped);
	}

	/** Keeps the worker silent until the returned function is called. */
	hold(): () => void {
		clearTimeout(this.#settling);
		if (this.#holds++ === 0) {
			// A reply that follows at once makes the same wait longer: who waits must not wait for a quiet that never came.
			if (!this.#begin) {
				const { promise, resolve } = Promise.withResolvers<void>();
				this.#quiet = promise;
				this.#begin = resolve;
			}
			if (this.#leave.size > 0) {
				for (const leave of this.#leave) leave();
				this.#worker.close();
			}
		}
		let held = true;
		return () => {
			if (!held) return;
			held = false;
			if (--this.#holds > 0) return;
			this.#settling = setTimeout(() => {
				this.#begin?.();
				this.#begin = undefined;
			}, QUIET);
		};
	}

	/**
	 * Runs `work` on the worker once it is quiet, and again where it was interrupted by a reply.
	 * @param onHeld called when it was interrupted, before it waits
	 */
	async call<T>(work: (api: Remote<AttributionApi>) => Promise<T>, onHeld?: () => void): Promise<T> {
		for (;;) {
			while (this.#begin) await this.#quiet;
			const result = await this.#attempt(work);
			if (result !== 'held') return result.value;
			onHeld?.();
		}
	}

	async #attempt<T>(work: (api: Remote<AttributionApi>) => Promise<T>): Promise<{ value: T } | 'held'> {
		const { promise: held, resolve } = Promise.withResolvers<'held'>();
		const leave = () => resolve('held');
		this.#leave.add(leave);
		try {
			return await Promise.race([this.#worker.call(work).then((value) => ({ value })), held]);
		} finally {
			this.#leave.delete(leave);
		}
	}
}
