import type { OpenLedgerError } from '#workers/errors.ts';
import type { RunDetail } from '#workers/train/api.ts';
import { lastOfEach, sampleKey } from '#workers/train/runs/records.ts';
import { asError } from '../engine/engine.svelte.ts';
import { trainer } from './trainer.svelte.ts';

/** One run on screen: what was stored, and what this tab sees of it live. Make one where a component starts. */
export class OpenRun {
	readonly id: string;
	detail = $state.raw<RunDetail>();
	error = $state.raw<OpenLedgerError>();

	constructor(id: string) {
		this.id = id;
		$effect(() => {
			// Again when it ends here.
			void this.live?.ended;
			void this.refresh();
		});
	}

	get live() {
		return trainer.live.get(this.id);
	}

	get working() {
		return this.live && !this.live.ended ? this.live : undefined;
	}

	// A run that was resumed has a past in the store; live points come after it.
	curve = $derived.by(() => joined(this.detail?.curve ?? [], this.live?.curve ?? []));
	validation = $derived.by(() => joined(this.detail?.validation ?? [], this.live?.validation ?? []));
	samples = $derived.by(() => {
		const all = [...(this.detail?.samples ?? []), ...(this.live?.samples ?? [])];
		return lastOfEach(all, sampleKey);
	});

	async refresh(): Promise<void> {
		try {
			this.detail = await trainer.call((api) => api.run(this.id));
			this.error = undefined;
			// What a run that failed had not stored yet is seen here alone.
			if (this.live?.ended && !this.live.error) this.live.forget();
		} catch (thrown) {
			const error = asError(thrown);
			// A run that has only just begun is not stored yet.
			if (!this.working || error.code !== 'train/not-found') this.error = error;
		}
	}
}

function joined<Point extends { step: number }>(stored: Point[], fresh: Point[]): Point[] {
	const points = new Map([...stored, ...fresh].map((point) => [point.step, point]));
	return [...points.values()].sort((a, b) => a.step - b.step);
}
