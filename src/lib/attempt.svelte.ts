import type { OpenLedgerError } from '#workers/errors.ts';

/** Work that a button starts: whether it is under way, and why it failed. */
export class Attempt {
	busy = $state(false);
	error = $state.raw<OpenLedgerError>();
	readonly #asError: (thrown: unknown) => OpenLedgerError;

	/** @param asError makes of whatever was thrown something that a person can read */
	constructor(asError: (thrown: unknown) => OpenLedgerError) {
		this.#asError = asError;
	}

	async run(work: () => Promise<void>): Promise<void> {
		this.busy = true;
		this.error = undefined;
		try {
			await work();
		} catch (thrown) {
			this.error = this.#asError(thrown);
		} finally {
			this.busy = false;
		}
	}

	readonly dismiss = () => {
		this.error = undefined;
	};
}
