import { checkDatanets, type Agent } from '#workers/adapters/agent.ts';
import { parseAdapterLink, type AdapterLink } from '#workers/adapters/link.ts';
import { WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { inArchive } from '#workers/adapters/locate.ts';
import { fetchAdapter, lookUpAdapter, offerOf, type AdapterOffer } from '#workers/adapters/offer.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { AdapterEntry, LoadProgress } from '#workers/protocol.ts';
import { asError, type Engine } from '../../engine/engine.svelte.ts';
import { preferences } from '../../preferences.svelte.ts';
import type { Registration } from './registration.ts';

/** One link, or a file, on its way to an adapter: looked up, shown, and fetched when the person says so. */
export class Opening {
	offer = $state.raw<AdapterOffer>();
	/** What the chains say of it; undefined until they have been asked. */
	registrations = $state.raw<Registration[]>();
	/** What the link puts before its conversations. */
	agent = $state.raw<Agent>();
	/** Neither found yet, nor given up. */
	looking = $state(true);
	fetching = $state(false);
	progress = $state.raw<LoadProgress>({ phase: 'waiting' });
	error = $state.raw<OpenLedgerError>();
	/** Of the adapter, once known. */
	#id = $state<string>();
	readonly #engine: Engine;
	readonly #what: string | File;
	#link: AdapterLink | undefined;
	#abort = new AbortController();

	/** @param what a link as `parseAdapterLink` takes it, or a CAR archive */
	constructor(engine: Engine, what: string | File) {
		this.#engine = engine;
		this.#what = what;
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

	/** It is said to be a registered model and is not. */
	get isRefused(): boolean {
		return (
			this.registrations?.some((each) => each.state === 'mismatch' && each.parts.includes('weights')) ?? false
		);
	}

	/** Reads what the link leads to. Never rejects. */
	async lookUp(): Promise<void> {
		this.looking = true;
		await this.#try(async () => {
			const { signal } = this.#abort;
			if (this.#what instanceof File) this.offer = await offerOf(await inArchive(this.#what), { signal });
			else {
				this.#link = parseAdapterLink(this.#what);
				const { hubUrl, gateway } = preferences.values;
				const sources = { hubUrl: hubUrl.trim() || undefined, gateway: gateway.trim() || undefined };
				const offer = await lookUpAdapter(this.#link, { ...sources, signal });
				const { agent } = this.#link;
				if (agent) checkDatanets(agent, offer.manifest);
				this.agent = agent;
				this.offer = offer;
			}
			this.#id = this.offer.id;
			void this.#askChains();
		});
		this.looking = false;
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
			// Where the source did not say it beforehand.
			const weights = files.find(({ name }) => name === WEIGHTS_FILE);
			offer.hashes.weights ??= weights && (await sha256Hex(new Uint8Array(await weights.arrayBuffer())));
			if (this.#link?.model) await this.#askChains();
			if (this.isRefused) throw otherModel();
			this.#id = (await this.#engine.adapters.import(files, offer.name, offer.source)).id;
			void this.#askChains();
		});
		this.fetching = false;
	}

	/** What was fetched so far is given up. */
	cancel(): void {
		this.#abort.abort();
	}

	/** Again once the weights are here, for sources that do not say beforehand what they are. */
	async #askChains() {
		const { offer, entry } = this;
		if (!offer) return;
		const { lookUpRegistrations } = await import('./registration.ts');
		const weights = offer.hashes.weights ?? entry?.files.weights;
		const index = offer.manifest?.indexRoot;
		this.registrations = await lookUpRegistrations({ ...offer.hashes, weights, index }, this.#link?.model);
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

function otherModel(): OpenLedgerError {
	return new OpenLedgerError(
		'adapter/mismatch',
		'What came is not the registered model that the link names.',
		{
			remedy: 'Nothing was kept. Ask whoever sent the link.'
		}
	);
}
