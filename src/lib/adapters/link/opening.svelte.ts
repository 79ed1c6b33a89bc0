import { parseAdapterLink } from '#workers/adapters/link.ts';
import { fetchAdapter, lookUpAdapter, type AdapterOffer } from '#workers/adapters/offer.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { AdapterEntry, LoadProgress } from '#workers/protocol.ts';
import { asError, type Engine } from '../../engine/engine.svelte.ts';
import { preferences } from '../../preferences.svelte.ts';

/** One link on its way to an adapter: looked up, shown, and fetched when the person says so. */
export class Opening {
	offer = $state.raw<AdapterOffer>();
	fetching = $state(false);
	progress = $state.raw<LoadProgress>({ phase: 'waiting' });
	error = $state.raw<OpenLedgerError>();
	/** Of the adapter, once known. */
	#id = $state<string>();
	readonly #engine: Engine;
	readonly #link: string;
	#abort = new AbortController();

	/** @param link as `parseAdapterLink` takes it */
	constructor(engine: Engine, link: string) {
		this.#engine = engine;
		this.#link = link;
	}

	/** On this device already, or from now on. */
	get entry(): AdapterEntry | undefined {
		return this.#id === undefined ? undefined : this.#engine.adapters.find(this.#id);
	}

	get name(): string {
		return this.offer?.name ?? 'The adapter';
	}

	/** Of the weights, 0 to 1; undefined where the source does not tell how large they are. */
	get share(): number | undefined {
		const { bytesDone, bytesTotal } = this.progress;
		return bytesDone === undefined || !bytesTotal ? undefined : bytesDone / bytesTotal;
	}

	/** Reads what the link leads to. Never rejects. */
	async lookUp(): Promise<void> {
		await this.#try(async () => {
			const hubUrl = preferences.values.hubUrl.trim() || undefined;
			this.offer = await lookUpAdapter(parseAdapterLink(this.#link), { hubUrl, signal: this.#abort.signal });
			this.#id = this.offer.id;
		});
	}

	/** Fetches, checks and keeps it. Never rejects. */
	async add(): Promise<void> {
		const { offer } = this;
		if (!offer) return;
		this.fetching = true;
		await this.#try(async () => {
			const { signal } = this.#abort;
			const onProgress = (progress: LoadProgress) => (this.progress = progress);
			const files = await fetchAdapter(offer, { signal, onProgress });
			this.#id = (await this.#engine.adapters.import(files, offer.name, offer.source)).id;
		});
		this.fetching = false;
	}

	/** What was fetched so far is given up. */
	cancel(): void {
		this.#abort.abort();
	}

	async #try(work: () => Promise<void>) {
		this.#abort = new AbortController();
		this.error = undefined;
		try {
			await work();
		} catch (thrown) {
			const error = asError(thrown);
			if (error.code !== 'aborted') this.error = error;
		}
	}
}
