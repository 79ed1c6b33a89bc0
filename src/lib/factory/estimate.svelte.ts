import { proxy } from '#workers/comlink.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { Estimate, RunPhase, TrainEvent } from '#workers/train/api.ts';
import { asError } from '../engine/engine.svelte.ts';
import type { Draft } from './draft.svelte.ts';
import { trainer } from './trainer.svelte.ts';

/** Milliseconds without a change after which it is worth measuring. */
const PAUSE = 500;

/** What a draft would take, measured again whenever it changes. Make one where a component starts. */
export class Estimation {
	value = $state.raw<Estimate>();
	error = $state.raw<OpenLedgerError>();
	/** What is being done; undefined while nothing is. */
	phase = $state<RunPhase>();
	readonly #draft: Draft;

	constructor(draft: Draft) {
		this.#draft = draft;
		$effect(() => {
			void draft.key;
			if (!draft.ready) {
				this.value = undefined;
				this.error = undefined;
				return;
			}
			const task = `estimate-${crypto.randomUUID()}`;
			let over = false;
			const timer = setTimeout(() => void this.#measure(task, () => over), PAUSE);
			return () => {
				over = true;
				clearTimeout(timer);
				if (this.phase) void trainer.call((api) => api.cancel(task)).catch(() => undefined);
			};
		});
	}

	async #measure(task: string, isOver: () => boolean): Promise<void> {
		this.phase = 'rows';
		this.error = undefined;
		try {
			const plan = await this.#draft.plan();
			if (isOver()) return;
			const value = await trainer.call((api) =>
				api.estimate(
					plan,
					task,
					proxy((event: TrainEvent) => {
						if (event.type === 'phase' && !isOver()) this.phase = event.phase;
					})
				)
			);
			if (!isOver()) this.value = value;
		} catch (thrown) {
			const error = asError(thrown);
			if (isOver() || error.code === 'aborted') return;
			this.error = error;
			this.value = undefined;
		} finally {
			if (!isOver()) this.phase = undefined;
		}
	}
}
