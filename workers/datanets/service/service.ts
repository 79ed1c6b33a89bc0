import type { TypedDataDefinition } from 'viem';
import { OpenLedgerError } from '#workers/errors.ts';
import type { BulkEdit, DatanetApi, ExportFormat, Identity, Listener, NewRow, Selection } from '../api.ts';
import { backup, restore } from '../backup/backup.ts';
import type { Unlock } from '../backup/unlock.ts';
import type { Signer } from '../batch.ts';
import { mergeBundle } from '../bundle/merge.ts';
import { readManifest } from '../bundle/read.ts';
import * as review from '../bundle/review.ts';
import type { CheckProgress } from '../checks/check.ts';
import type { CheckLimits } from '../checks/limits.ts';
import { makeContribution, type Contribution } from '../contribution.ts';
import type { CutOptions } from '../formats/blocks.ts';
import type { Hex } from '../hash.ts';
import { linkWallet } from '../identity.ts';
import { importFiles, type ImportOptions, type ImportProgress } from '../import/import.ts';
import { previewFile } from '../import/preview.ts';
import type { Query } from '../search/select.ts';
import { summarise } from '../search/summary.ts';
import { Session } from '../session.ts';
import { redo, undo } from '../store/change.ts';
import { createDatanet, describeDatanet } from '../store/datanets.ts';
import type { DatanetDb } from '../store/db.ts';
import { draftOf, dropDraft, keepDraft } from '../store/drafts.ts';
import { addRows, edited, removeRows, replaceRows, type Edit } from '../store/edits.ts';
import { stored } from '../store/failures.ts';
import { localIdentity, signerOf, storeLink } from '../store/keys.ts';
import type { DatanetInfo } from '../store/schema.ts';
import { sweepAll } from '../store/staging.ts';
import { restoreVersion, signRows } from '../store/versions.ts';
import { bundleOf, datasetFiles, exportFile } from './exporting.ts';
import { compare, freeze, rowsOf } from './freezing.ts';
import { keepReport, viewOf } from './reports.ts';
import { Sessions } from './sessions.ts';
import { creditsOf } from './credits.ts';
import { breather, Tasks } from './tasks.ts';

type Progress = Listener<{ done: number; total: number }>;

/** The Datanets worker: wires the page's calls (api.ts) to the parts that do the work. */
export class DatanetService implements DatanetApi {
	readonly #db: DatanetDb;
	readonly #sessions: Sessions;
	readonly #tasks = new Tasks();

	constructor(db: DatanetDb) {
		this.#db = db;
		this.#sessions = new Sessions(db);
		void sweepAll(db).catch(() => undefined);
	}

	async cancel(task: string) {
		this.#tasks.cancel(task);
	}

	async open(datanet: string, passphrase?: string, onProgress?: Progress) {
		await this.#sessions.get(
			datanet,
			passphrase,
			onProgress && ((done, total) => onProgress({ done, total }))
		);
	}

	async close(datanet: string) {
		this.#sessions.close(datanet);
	}

	async lock(datanet: string, passphrase: string | undefined) {
		await this.#sessions.lock(datanet, passphrase);
	}

	async select(datanet: string, view: string, query: Query) {
		const session = await this.#sessions.get(datanet);
		return (await session.select(view, query)).length;
	}

	async show(datanet: string, view: string, start: number, count: number) {
		const session = await this.#sessions.get(datanet);
		return session.show(session.slotsOf(view).slice(start, start + count));
	}

	async place(datanet: string, view: string, id: Hex) {
		const session = await this.#sessions.get(datanet);
		return session.slotsOf(view).indexOf(session.catalogue.find(id));
	}

	async story(datanet: string, id: Hex) {
		const { storyOf } = await import('./story.ts');
		return storyOf(await this.#sessions.get(datanet), id);
	}

	async summary(datanet: string, view?: string) {
		const session = await this.#sessions.get(datanet);
		return summarise(session.index, view === undefined ? session.catalogue.listed() : session.slotsOf(view));
	}

	async credits(datanet: string) {
		return creditsOf(await this.#sessions.get(datanet));
	}

	async add(datanet: string, rows: NewRow[]) {
		const session = await this.#sessions.get(datanet);
		const made = await this.#made(rows);
		await addRows(session, made, rows.length === 1 ? 'Add a row' : `Add ${rows.length} rows`);
		return made.map((row) => row.id);
	}

	async keepDraft(datanet: string, row: string, body: unknown) {
		await keepDraft(await this.#sessions.get(datanet), row, body);
	}

	async dropDraft(datanet: string, row: string) {
		await dropDraft(await this.#sessions.get(datanet), row);
	}

	async draftOf(datanet: string, row: string) {
		return draftOf(await this.#sessions.get(datanet), row);
	}

	async edit(datanet: string, id: Hex, edit: Edit, parentShare: number) {
		const session = await this.#sessions.get(datanet);
		const { address } = await localIdentity(this.#db);
		const [row] = await session.rows.need([id]);
		if (!row) return id;
		const to = edited(row, edit, { contributor: address, parentShare }, new Date());
		await replaceRows(session, [{ from: id, to }], 'Edit a row', id);
		return to.id;
	}

	async editAll(datanet: string, selection: Selection, edit: BulkEdit, task: string, onProgress: Progress) {
		const { editAll } = await import('./bulk.ts');
		const session = await this.#sessions.get(datanet);
		const { address } = await localIdentity(this.#db);
		const slots = this.#slots(session, selection);
		return this.#tasks.run(task, (signal) =>
			editAll(session, slots, edit, address, (done) => {
				signal.throwIfAborted();
				onProgress({ done, total: slots.length });
			})
		);
	}

	async remove(datanet: string, selection: Selection) {
		const session = await this.#sessions.get(datanet);
		const ids = session.idsOf(this.#slots(session, selection));
		await removeRows(
			session,
			ids,
			ids.length === 1 ? 'Remove a row' : `Remove ${ids.length.toLocaleString('en')} rows`
		);
		return ids.length;
	}

	async forget(datanet: string) {
		const { forgetRemoved } = await import('./bulk.ts');
		return forgetRemoved(await this.#sessions.get(datanet));
	}

	async undo(datanet: string) {
		const { catalogue } = await this.#sessions.get(datanet);
		return undo(this.#db, catalogue);
	}

	async redo(datanet: string) {
		const { catalogue } = await this.#sessions.get(datanet);
		return redo(this.#db, catalogue);
	}

	async preview(file: File, cut?: CutOptions) {
		return previewFile(file, cut);
	}

	async importFiles(
		datanet: string,
		files: File[],
		options: Omit<ImportOptions, 'contributor'>,
		task: string,
		onProgress: Listener<ImportProgress>
	) {
		const session = await this.#sessions.get(datanet);
		const { address } = await localIdentity(this.#db);
		return this.#tasks.run(task, async (signal) => {
			const known = options.skipDuplicates ? session.index.contents() : () => false;
			const report = await importFiles(
				session,
				files,
				{ ...options, contributor: address },
				known,
				onProgress,
				signal
			);
			await session.refresh();
			return report;
		});
	}

	async listHub(name: string, hubUrl: string, token?: string) {
		const { listDataset } = await import('../export/hub.ts');
		return listDataset(name, { hubUrl, token });
	}

	async fetchHub(name: string, path: string, hubUrl: string, token?: string) {
		const { fetchDatasetFile } = await import('../export/hub.ts');
		return fetchDatasetFile(name, path, { hubUrl, token });
	}

	async check(
		datanet: string,
		limits: CheckLimits,
		against: string | undefined,
		task: string,
		onProgress: Listener<CheckProgress>
	) {
		const session = await this.#sessions.get(datanet);
		// Language tables, phone numbers and checksums are loaded when they are first needed.
		const { checkDatanet } = await import('../checks/check.ts');
		const other = against === undefined ? undefined : await this.#other(against);
		return this.#tasks.run(task, async (signal) => {
			const breathe = breather(signal);
			const goOn = (progress: CheckProgress) => {
				onProgress(progress);
				return breathe();
			};
			await keepReport(session, await checkDatanet(session, limits, goOn, other));
			const view = viewOf(session);
			if (!view) throw new Error('a report without a view');
			return view;
		});
	}

	async report(datanet: string) {
		return viewOf(await this.#sessions.get(datanet));
	}

	async freeze(datanet: string, note: string, task: string, onProgress: Progress) {
		const session = await this.#sessions.get(datanet);
		const signer = await this.#signer();
		return this.#tasks.run(task, (signal) => {
			const breathe = breather(signal);
			return freeze(session, signer, note, (done, total) => {
				onProgress({ done, total });
				return breathe();
			});
		});
	}

	async root(datanet: string) {
		const session = await this.#sessions.get(datanet);
		return session.leaves.root(session.catalogue.listed());
	}

	async compare(datanet: string, from: Hex | undefined, to: Hex | undefined) {
		return compare(await this.#sessions.get(datanet), from, to);
	}

	async restoreVersion(datanet: string, root: Hex) {
		await restoreVersion(await this.#sessions.get(datanet), root);
	}

	async versionRows(datanet: string, root: Hex | undefined, start: number, count: number) {
		return rowsOf(await this.#sessions.get(datanet), root, start, count);
	}

	async exportFile(
		datanet: string,
		format: ExportFormat,
		options: { view?: string; history?: boolean; from: string },
		task: string,
		onProgress: Progress
	) {
		const session = await this.#sessions.get(datanet);
		const slots = options.view === undefined ? undefined : session.slotsOf(options.view);
		const total = (slots ?? session.catalogue.listed()).length;
		return this.#tasks.run(task, (signal) =>
			exportFile(session, format, { from: options.from, history: options.history, slots }, (done) => {
				signal.throwIfAborted();
				onProgress({ done, total });
			})
		);
	}

	async pushHub(
		datanet: string,
		name: string,
		options: { hubUrl: string; token: string; private: boolean; from: string; mayReplace: boolean },
		task: string,
		onProgress: Listener<number>
	) {
		const session = await this.#sessions.get(datanet);
		const { pushRepo } = await import('#workers/models/hub/push.ts');
		await this.#tasks.run(task, async (signal) => {
			const files = await datasetFiles(session, options.from, () => signal.throwIfAborted());
			const push = { ...options, title: 'Update the Datanet' };
			await pushRepo({ type: 'dataset', name }, files, push, onProgress, signal);
		});
	}

	async offer(datanet: string, selection: Selection, from: string) {
		const session = await this.#sessions.get(datanet);
		const signer = await this.#signer();
		const slots = this.#slots(session, selection);
		if (slots.length === 0)
			throw new OpenLedgerError('datanet/no-rows', 'None of the rows here is yours.', {
				remedy: 'Add a row or correct one, or choose the rows to offer in the list.'
			});
		const unsigned = session
			.idsOf(slots)
			.filter((_, i) => {
				const slot = slots[i] ?? 0;
				return session.contributorAt(slot) === signer.address && !session.isSigned(slot, signer.address);
			})
			.map((id) => ({ id, contributor: signer.address }));
		if (unsigned.length > 0) await signRows(session, unsigned, signer);
		const file = await bundleOf(session, { purpose: 'contribution', from, slots });
		return new File([file], `contribution-${slots.length}-rows.datanet`);
	}

	async manifest(file: Blob) {
		return readManifest(file);
	}

	async merge(file: Blob, task: string, onProgress: Listener<{ bytesDone: number; bytesTotal: number }>) {
		const manifest = await readManifest(file);
		const here = await stored(() => this.#db.datanets.get(manifest.datanet));
		const session = here
			? await this.#sessions.get(manifest.datanet)
			: new Session(this.#db, manifest.datanet, undefined);
		let bytesDone = 0;
		return this.#tasks.run(task, (signal) =>
			mergeBundle(
				session,
				manifest,
				file,
				!here,
				(bytes) => onProgress({ bytesDone: (bytesDone += bytes), bytesTotal: file.size }),
				signal
			)
		);
	}

	async receive(datanet: string, file: Blob, task: string) {
		const session = await this.#sessions.get(datanet);
		return this.#tasks.run(task, (signal) => review.receiveBundle(session, file, signal));
	}

	async propose(datanet: string, row: NewRow, from: string) {
		const session = await this.#sessions.get(datanet);
		const [made] = await this.#made([row]);
		return made && review.proposeRow(session, made, from);
	}

	async reviewRows(datanet: string, id: Hex, from: number, count: number) {
		return review.reviewRows(await this.#sessions.get(datanet), id, from, count);
	}

	async accept(datanet: string, id: Hex, which?: number[]) {
		return review.acceptRows(await this.#sessions.get(datanet), id, which);
	}

	async acceptEdited(datanet: string, id: Hex, index: number, edit: Edit, parentShare: number) {
		const session = await this.#sessions.get(datanet);
		const { address } = await localIdentity(this.#db);
		await review.acceptEdited(session, id, index, edit, { contributor: address, parentShare });
	}

	async reject(datanet: string, id: Hex, which: number[], reason: string) {
		await review.rejectRows(await this.#sessions.get(datanet), id, which, reason);
	}

	async closeReview(datanet: string, id: Hex) {
		await review.closeReview(await this.#sessions.get(datanet), id);
	}

	async create(info: Partial<DatanetInfo>) {
		return (await createDatanet(this.#db, info)).id;
	}

	async describe(datanet: string, info: Partial<DatanetInfo>) {
		await describeDatanet(this.#db, datanet, info);
	}

	async delete(datanet: string) {
		await this.#sessions.delete(datanet);
	}

	async identity(): Promise<Identity> {
		const { address } = await localIdentity(this.#db);
		const link = await stored(() => this.#db.links.get(address));
		return link ? { address, link } : { address };
	}

	async link(wallet: Hex, sign: (data: TypedDataDefinition) => Promise<Hex>) {
		const link = await linkWallet(await this.#signer(), { address: wallet, signTypedData: sign }, new Date());
		await storeLink(this.#db, link);
		return link;
	}

	async backup(passphrase: string | undefined, unlock: Unlock, task: string, onProgress: Progress) {
		return this.#tasks.run(task, async (signal) => {
			const { file, report } = await backup(
				this.#db,
				passphrase,
				(datanet) => this.#sessions.openAsking(datanet, unlock),
				(done, total) => onProgress({ done, total }),
				signal
			);
			const day = new Date().toISOString().slice(0, 10);
			return { file: new File([file], `openledger-${day}.backup`), report };
		});
	}

	async restoreBackup(
		file: Blob,
		passphrase: string | undefined,
		unlock: Unlock,
		task: string,
		onProgress: Progress
	) {
		return this.#tasks.run(task, (signal) =>
			restore(
				this.#db,
				file,
				passphrase,
				(datanet) => this.#sessions.openAsking(datanet, unlock),
				unlock,
				(done, total) => onProgress({ done, total }),
				signal
			)
		);
	}

	/** New rows by this device's key. */
	async #made(rows: readonly NewRow[]): Promise<Contribution[]> {
		const { address } = await localIdentity(this.#db);
		const created = new Date();
		return rows.map((row) =>
			makeContribution({ ...row, contributor: address, created, parent: null, parentShare: 0 })
		);
	}

	async #signer(): Promise<Signer> {
		return signerOf(await localIdentity(this.#db));
	}

	async #other(datanet: string) {
		const session = await this.#sessions.get(datanet);
		return { session, name: (await session.refresh()).name };
	}

	#slots(session: Session, selection: Selection): Uint32Array {
		if ('view' in selection) return session.slotsOf(selection.view).slice();
		return Uint32Array.from(
			selection.ids.map((id) => session.catalogue.find(id)).filter((slot) => slot >= 0)
		);
	}
}
