import { OpenLedgerError } from '#workers/errors.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import type { FileStore } from '#workers/models/store/file-store.ts';
import type { IndexFacts } from '../api.ts';
import type { AttributionIndex } from './attribution-index.ts';
import { bundledIndex } from '../bundled.ts';
import { INDEX_FILE } from '#workers/adapters/lora-adapter.ts';
import { readIndex, writeIndex } from './index-file.ts';
import { readRows, ROWS_FILE, writeRows, type LearntRows } from './rows-file.ts';

/** What an item notes of an index, so that listing reads none. */
type About = Omit<IndexFacts, 'adapter' | 'bytes' | 'bundled'>;

/** An index with its rows, where they are here. */
export interface StoredIndex {
	index: AttributionIndex;
	rows?: LearntRows;
}

/** Id of the item that holds an adapter's index. */
export const indexItem = (adapter: string) => `index:${adapter}`;

/** Attribution indexes on this device: one for an adapter, an item of its own, so that it can be deleted without it. */
export class IndexStore {
	readonly #store: FileStore;
	readonly #appUrl: string;

	/** @param appUrl the app's own address: example adapters' indexes lie under it */
	constructor(store: FileStore, appUrl: string) {
		this.#store = store;
		this.#appUrl = appUrl;
	}

	/**
	 * The index of an adapter; undefined where there is none.
	 * @throws OpenLedgerError `index/malformed`, `index/wrong-root`, `rows/malformed`, `hub/unreachable`
	 */
	async read({ id, files }: Pick<AdapterEntry, 'id' | 'files'>): Promise<StoredIndex | undefined> {
		const item = await this.#store.item(indexItem(id));
		if (!item) {
			const shipped = await bundledIndex(this.#appUrl, files);
			return shipped && { index: await readIndex(shipped.index), rows: await readRows(shipped.rows) };
		}
		const file = (path: string) => this.#store.readFile(item.id, path);
		const index = await readIndex(await file(INDEX_FILE));
		const hasRows = item.files.some(({ path }) => path === ROWS_FILE);
		return { index, rows: hasRows ? await readRows(await file(ROWS_FILE)) : undefined };
	}

	/** @param adapters whose indexes are asked for */
	async list(adapters: readonly Pick<AdapterEntry, 'id' | 'files' | 'source'>[]): Promise<IndexFacts[]> {
		const items = new Map((await this.#store.items()).map((item) => [item.id, item]));
		const found = await Promise.all(
			adapters.map(async ({ id: adapter, files, source }): Promise<IndexFacts | undefined> => {
				const item = items.get(indexItem(adapter));
				if (item) {
					const bytes = item.files.reduce((sum, { size }) => sum + size, 0);
					return { ...(item.about as About), adapter, bytes, bundled: false };
				}
				if (source !== 'bundled') return undefined;
				const shipped = await this.read({ id: adapter, files }).catch(() => undefined);
				return shipped && { ...factsOf(adapter, shipped), bytes: 0, bundled: true };
			})
		);
		return found.filter((facts) => facts !== undefined);
	}

	/** Stores an index; one that is there is replaced. @throws OpenLedgerError `storage/full` */
	async put(adapter: string, name: string, { index, rows }: StoredIndex): Promise<IndexFacts> {
		const files = new Map<string, Uint8Array>([[INDEX_FILE, writeIndex(index)]]);
		if (rows) files.set(ROWS_FILE, await writeRows(rows));
		const facts = factsOf(adapter, { index, rows });
		const about: About = { base: facts.base, root: facts.root, rows: facts.rows, texts: facts.texts };
		const id = indexItem(adapter);
		if (await this.#store.item(id)) await this.#store.remove(id);
		await this.#store.put({ id, kind: 'index', name, source: '', about }, files);
		const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
		return { ...facts, bytes, bundled: false };
	}

	/** @throws OpenLedgerError `adapter/bundled` for the index of an example adapter */
	async remove(adapter: string): Promise<void> {
		if (!(await this.#store.item(indexItem(adapter))))
			throw new OpenLedgerError('adapter/bundled', 'This index comes with the app.', {
				remedy: 'It stays: the app brings it along with its example adapter.'
			});
		await this.#store.remove(indexItem(adapter));
	}
}

function factsOf(adapter: string, { index, rows }: StoredIndex): Omit<IndexFacts, 'bytes' | 'bundled'> {
	const { description, root, ids } = index;
	return { adapter, base: description.base, root, rows: ids.length, texts: rows !== undefined };
}
