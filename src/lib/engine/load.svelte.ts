import { proxy } from '#workers/comlink.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import type { Engine } from './engine.svelte.ts';

let next = 0;

/** One load or import under way: how far it is, and a way to stop it. */
export class Load {
	/** Model id; undefined while a local folder is being imported. */
	readonly id: string | undefined;
	readonly name: string;
	progress = $state.raw<LoadProgress>({ phase: 'waiting' });
	error = $state.raw<OpenLedgerError>();
	readonly task = `load-${next++}`;
	readonly #engine: Engine;

	constructor(engine: Engine, id: string | undefined, name: string) {
		this.#engine = engine;
		this.id = id;
		this.name = name;
	}

	/** The listener to hand to the engine. */
	listener() {
		return proxy((progress: LoadProgress) => {
			this.progress = progress;
		});
	}

	/** Of the bytes, 0 to 1; undefined where the phase has no measure. */
	get share(): number | undefined {
		const { bytesDone, bytesTotal } = this.progress;
		return bytesDone === undefined || !bytesTotal ? undefined : bytesDone / bytesTotal;
	}

	async cancel(): Promise<void> {
		await this.#engine.call((api) => api.cancel(this.task));
	}
}
