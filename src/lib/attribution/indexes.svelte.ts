import { SvelteMap } from 'svelte/reactivity';
import { proxy } from '#workers/comlink.ts';
import type {
	AttributionApi,
	BuildEstimate,
	BuildProgress,
	IndexFacts,
	UnfinishedIndex
} from '#workers/attribution/api.ts';
import type { LearntRows } from '#workers/attribution/index/rows-file.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import { asError } from '../engine/engine.svelte.ts';
import type { Connection } from '../worker-connection.ts';
import { connectAttribution, stopped } from './connection.ts';
import { db } from './db.ts';
import { measurer } from './measurer.ts';

/** Reports by which the time that is left is reckoned. */
const RECENT = 40;

/** One index on its way: how far it is, why it failed, and ways to stop it. */
export class IndexBuild {
	progress = $state.raw<BuildProgress>({ phase: 'start', done: 0, total: 1 });
	/** Seconds until all rows are done, once some are; rows that were done before a pause fly by and are not counted. */
	secondsLeft = $state<number>();
	error = $state.raw<OpenLedgerError>();
	ended = $state(false);
	/** Resolves when it has ended, however it did. */
	over = Promise.resolve();
	/** Stops it; what is done is kept, and it can go on. */
	readonly pause: () => void;
	#recent: { at: number; done: number }[] = [];

	constructor(pause: () => void) {
		this.pause = pause;
	}

	report(progress: BuildProgress): void {
		this.progress = progress;
		const { phase, done, total } = progress;
		if (phase !== 'gradients') return;
		this.#recent = [...this.#recent.slice(1 - RECENT), { at: performance.now(), done }];
		const [first] = this.#recent;
		const passed = (performance.now() - (first?.at ?? 0)) / 1000;
		if (first && passed > 1) this.secondsLeft = (passed / Math.max(1, done - first.done)) * (total - done);
	}
}

/** Milliseconds until builds of other tabs are looked at again. */
const ELSEWHERE = 1_000;

/** Attribution indexes of the adapters on this device, as every page sees them. */
class Indexes {
	/** By adapter; undefined until they have been read. */
	facts = $state.raw<ReadonlyMap<string, IndexFacts>>();
	/** Builds that were left half way, by adapter. */
	unfinished = $state.raw<ReadonlyMap<string, UnfinishedIndex>>(new Map());
	/** Builds of this tab, by adapter. */
	readonly live = new SvelteMap<string, IndexBuild>();
	#later: ReturnType<typeof setTimeout> | undefined;

	async refresh(): Promise<void> {
		const [list, left] = await measurer.worker.call(async (api) => [
			await api.indexes(),
			await api.unfinished()
		]);
		this.facts = new Map(list.map((facts) => [facts.adapter, facts]));
		this.unfinished = new Map(left.map((build) => [build.adapter, build]));
		clearTimeout(this.#later);
		// Another tab goes on with it, or it is this one's from before a reload, whose worker ends a moment later.
		if (left.some(({ elsewhere }) => elsewhere))
			this.#later = setTimeout(() => void this.refresh().catch(() => undefined), ELSEWHERE);
	}

	/**
	 * Makes the index of an adapter from the rows that it learnt. It has a worker of its own, like training, so that chat and measuring go
	 * on beside it; replies that had no index are measured once it stands.
	 *
	 * @param model id of the base
	 * @param rows how to get them; undefined for a build that was left and goes on
	 */
	build(adapter: string, model: string, rows?: () => Promise<LearntRows>): IndexBuild {
		const under = this.live.get(adapter);
		if (under && !under.ended) return under;
		const stop = new AbortController();
		const build = new IndexBuild(() => stop.abort());
		this.live.set(adapter, build);
		build.over = this.#run(build, stop.signal, async (api) => {
			const learnt = await rows?.();
			const task = `index-${adapter}`;
			stop.signal.addEventListener('abort', () => void api.cancel(task));
			stop.signal.throwIfAborted();
			const onProgress = proxy((progress: BuildProgress) => build.report(progress));
			await api.build(adapter, model, learnt, task, onProgress);
			await this.refresh();
			await measureAgain(adapter);
		});
		return build;
	}

	/** Forgets a build that was left, or ends the one under way. */
	async discard(adapter: string): Promise<void> {
		const build = this.live.get(adapter);
		build?.pause();
		await build?.over;
		this.live.delete(adapter);
		await measurer.worker.call((api) => api.discard(adapter));
		await this.refresh();
	}

	/** What an index of these rows would take. */
	estimate(adapter: string, model: string, rows: LearntRows): Promise<BuildEstimate> {
		return measurer.worker.call((api) => api.estimate(adapter, model, rows, `estimate-${adapter}`));
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
			connection.close();
			// What was left half way shows as that.
			if (signal.aborted || build.error) await this.refresh().catch(() => undefined);
			build.ended = true;
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
