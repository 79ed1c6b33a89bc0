import { SvelteMap } from 'svelte/reactivity';
import { proxy } from '#workers/comlink.ts';
import type { AttributionApi, BuildProgress, IndexFacts } from '#workers/attribution/api.ts';
import type { LearntRows } from '#workers/attribution/rows-file.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import { asError } from '../engine/engine.svelte.ts';
import type { Connection } from '../worker-connection.ts';
import { connectAttribution, stopped } from './connection.ts';
import { db } from './db.ts';
import { measurer } from './measurer.ts';

/** One index on its way: how far it is, why it failed, and a way to stop it. */
export class IndexBuild {
	progress = $state.raw<BuildProgress>({ phase: 'start', done: 0, total: 1 });
	error = $state.raw<OpenLedgerError>();
	ended = $state(false);
	readonly cancel: () => void;

	constructor(cancel: () => void) {
		this.cancel = cancel;
	}
}

/** Attribution indexes of the adapters on this device, as every page sees them. */
class Indexes {
	/** By adapter; undefined until they have been read. */
	facts = $state.raw<ReadonlyMap<string, IndexFacts>>();
	/** Builds of this tab, by adapter. */
	readonly live = new SvelteMap<string, IndexBuild>();

	async refresh(): Promise<void> {
		const list = await measurer.worker.call((api) => api.indexes());
		this.facts = new Map(list.map((facts) => [facts.adapter, facts]));
	}

	/**
	 * Makes the index of an adapter from the rows that it learnt. It has a worker of its own, like training, so that chat and measuring go
	 * on beside it; replies that had no index are measured once it stands.
	 *
	 * @param model id of the base
	 * @param rows how to get them
	 */
	build(adapter: string, model: string, rows: () => Promise<LearntRows>): IndexBuild {
		const under = this.live.get(adapter);
		if (under && !under.ended) return under;
		const stop = new AbortController();
		const build = new IndexBuild(() => stop.abort());
		this.live.set(adapter, build);
		void this.#run(build, stop.signal, async (api) => {
			const learnt = await rows();
			const task = `index-${adapter}`;
			stop.signal.addEventListener('abort', () => void api.cancel(task));
			stop.signal.throwIfAborted();
			const onProgress = proxy((progress: BuildProgress) => (build.progress = progress));
			await api.build(adapter, model, learnt, task, onProgress);
			await this.refresh();
			await measureAgain(adapter);
		});
		return build;
	}

	/** Deletes an index; receipts that were made with it stay, and can be checked by whoever has it. */
	async remove(adapter: string): Promise<void> {
		await measurer.worker.call((api) => api.remove(adapter));
		await this.refresh();
	}

	async #run(
		build: IndexBuild,
		signal: AbortSignal,
		work: (api: Connection<AttributionApi>['api']) => Promise<void>
	): Promise<void> {
		const connection = connectAttribution();
		try {
			await connection.settle(work(connection.api), stopped);
		} catch (thrown) {
			if (!signal.aborted) build.error = asError(thrown);
		} finally {
			build.ended = true;
			connection.close();
		}
	}
}

/** Replies that could not be measured for want of this index. */
async function measureAgain(adapter: string): Promise<void> {
	await db.attributions
		.where({ state: 'unmeasured' })
		.filter((record) => record.adapter.id === adapter && wanting.has(record.reason ?? ''))
		.modify({ state: 'waiting', reason: undefined });
	measurer.wake();
}

const wanting = new Set<string>(['no-index', 'wrong-index']);

export const indexes = new Indexes();
