import type { AdapterPackage } from '#workers/adapters/package.ts';
import type { AdapterSource } from '#workers/adapters/link.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { Attempt } from '../../attempt.svelte.ts';
import { asError, type Engine } from '../../engine/engine.svelte.ts';
import { hubUrl } from '../../datanets/hub.ts';
import { preferences } from '../../preferences.svelte.ts';
import { saveFile } from '../../save-file.ts';
import { proxy, publisher } from './connection.ts';

/** A Hub token that was entered, until the tab is closed or the person says that it be forgotten. Never stored. */
let remembered = '';

/** How an adapter goes to others: a repository, an archive, single files. */
export type Way = 'hub' | 'car' | 'files';

/** One adapter on its way to others. */
export class Publication {
	/** Of the upload, 0 to 1. */
	progress = $state<number>();
	/** Where it is to go on the Hub. */
	readonly hub = $state({ name: '', token: remembered, keep: remembered !== '', isPrivate: false });
	/** Why the Hub's repository is not written to until the person says so. */
	occupied = $state.raw<OpenLedgerError>();
	/** Where it lies now. */
	source = $state.raw<AdapterSource>();
	/** What went wrong on one way says nothing of another. */
	readonly attempts: Readonly<Record<Way, Attempt>> = {
		hub: new Attempt(asError),
		car: new Attempt(asError),
		files: new Attempt(asError)
	};
	readonly #engine: Engine;
	readonly #adapter: AdapterEntry;
	#packed: Promise<AdapterPackage> | undefined;
	#task = '';

	constructor(engine: Engine, adapter: AdapterEntry) {
		this.#engine = engine;
		this.#adapter = adapter;
		this.source = adapter.origin;
	}

	/** One thing at a time. */
	get busy(): boolean {
		return Object.values(this.attempts).some((attempt) => attempt.busy);
	}

	/** Of the Hub, for a person. */
	get host(): string {
		return new URL(hubUrl(preferences.values.hubUrl)).host;
	}

	/** What is published, made once. Throws `adapter/wrong-base` for an adapter that names no base and fits none that is loaded. */
	get packed(): Promise<AdapterPackage> {
		return (this.#packed ??= this.#pack());
	}

	/** Commits it to a model repository; where files of it would be replaced, `occupied` says so first. Never rejects. */
	push({ mayReplace }: { mayReplace: boolean }) {
		this.occupied = undefined;
		return this.#run('hub', async () => {
			const { isPrivate, keep } = this.hub;
			const [name, token] = [this.hub.name.trim(), this.hub.token.trim()];
			remembered = keep ? token : '';
			this.progress = 0;
			this.#task = crypto.randomUUID();
			const { files } = await this.packed;
			const url = hubUrl(preferences.values.hubUrl);
			const title = `Publish ${this.#adapter.name}`;
			const options = { hubUrl: url, token, private: isPrivate, title, mayReplace };
			const onProgress = proxy((part: number) => (this.progress = part));
			const commit = await publisher((api) => api.push(name, files, options, this.#task, onProgress));
			await this.#lies({ kind: 'hub', repo: name, revision: commit, folder: '' });
		});
	}

	/** Saves it as an archive for IPFS. Never rejects. @returns its CID, undefined where that failed */
	async saveArchive(): Promise<string | undefined> {
		let found: string | undefined;
		await this.#run('car', async () => {
			const { files } = await this.packed;
			const { car, cid } = await publisher((api) => api.car(files));
			saveFile(new File([car], `${fileName(this.#adapter.name)}.car`, { type: car.type }));
			found = cid;
		});
		return found;
	}

	/** Saves its files one by one. Never rejects. */
	saveFiles() {
		return this.#run('files', async () => {
			const { files } = await this.packed;
			for (const { path, content } of files) saveFile(new File([content], path));
		});
	}

	/** The archive was pinned: from now on links may lead to it. Never rejects. */
	pinned(cid: string) {
		return this.#run('car', () => this.#lies({ kind: 'ipfs', cid, folder: '' }));
	}

	cancel(): void {
		void publisher((api) => api.cancel(this.#task));
	}

	async #lies(source: AdapterSource) {
		await this.#engine.adapters.publish(this.#adapter.id, source);
		this.source = source;
	}

	async #pack(): Promise<AdapterPackage> {
		const { packAdapter } = await import('#workers/adapters/package.ts');
		const { id, name, author, licence, baseHashes } = this.#adapter;
		const { models, adapters } = this.#engine;
		const loaded = baseHashes.length === 0 ? await models.ready() : undefined;
		if (loaded && !adapters.find(id)?.fits)
			throw new OpenLedgerError(
				'adapter/wrong-base',
				'This adapter does not say which base model it is for.',
				{
					remedy: 'Load the model that it was made for, then publish it: its fingerprint is written along.'
				}
			);
		const base = { id: loaded?.id ?? '', sha256: loaded ? (loaded.hashes ?? [loaded.sha256]) : [] };
		return packAdapter(await adapters.export(id), { name, author, licence, base });
	}

	async #run(way: Way, work: () => Promise<void>) {
		await this.attempts[way].run(async () => {
			try {
				await work();
			} catch (error) {
				const { code } = asError(error);
				if (code === 'hub/occupied') this.occupied = asError(error);
				else if (code !== 'aborted') throw error;
			}
		});
		this.progress = undefined;
	}
}

function fileName(name: string): string {
	const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
	return (
		plain
			.replace(/[^a-z0-9]+/g, '-')
			.replace(/^-+|-+$/g, '')
			.slice(0, 60) || 'adapter'
	);
}
