import type { Remote } from '#workers/comlink.ts';
import type { Connection } from './worker-connection.ts';

/**
 * A worker that is started when it is asked something, and ended when nothing has asked it for a while: its memory grows with what it
 * does and never shrinks, and another is there in less than a second.
 */
export class RestingWorker<Api> {
	readonly #open: () => Connection<Api>;
	readonly #idle: number;
	readonly #stopped: (reason: string) => Error;
	/** With the number of calls under way. */
	#running: { connection: Connection<Api>; calls: number } | undefined;
	#rest: ReturnType<typeof setTimeout> | undefined;

	/**
	 * @param open starts the worker
	 * @param idle milliseconds
	 * @param stopped what a call says that its worker did not outlive
	 */
	constructor(open: () => Connection<Api>, idle: number, stopped: (reason: string) => Error) {
		this.#open = open;
		this.#idle = idle;
		this.#stopped = stopped;
	}

	/** Settles also when the worker dies in the middle, never when it was closed. */
	async call<T>(work: (api: Remote<Api>) => Promise<T>): Promise<T> {
		clearTimeout(this.#rest);
		const running = (this.#running ??= this.#start());
		running.calls++;
		try {
			return await running.connection.settle(work(running.connection.api), this.#stopped);
		} finally {
			if (--running.calls === 0 && this.#running === running)
				this.#rest = setTimeout(() => this.close(), this.#idle);
		}
	}

	/** Ends the worker with all that is under way; the next call starts another. */
	close(): void {
		clearTimeout(this.#rest);
		this.#running?.connection.close();
		this.#running = undefined;
	}

	#start() {
		const running = { connection: this.#open(), calls: 0 };
		void running.connection.gone.then(() => {
			if (this.#running === running) this.#running = undefined;
		});
		return running;
	}
}
