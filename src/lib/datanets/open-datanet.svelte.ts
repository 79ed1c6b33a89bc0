import { createContext, untrack } from 'svelte';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { DatanetRecord } from '#workers/datanets/store/schema.ts';
import { allOf } from '#workers/datanets/store/db.ts';
import { nextSteps } from '#workers/datanets/store/journal.ts';
import { heard } from '../i18n/words.ts';
import { Live } from '../live.svelte.ts';
import { toasts } from '../ui/toasts.svelte.ts';
import { datanets, proxy } from './connection.ts';
import { db } from './db.svelte.ts';
import { asError } from './errors.ts';

/** The Datanet that a page is about: its record, kept current, and whether the worker has it open. */
export class OpenDatanet {
	readonly id: string;
	readonly #record: Live<DatanetRecord | undefined | null>;
	readonly #waiting: Live<number>;
	readonly #undo: Live<{ undo?: string; redo?: string }>;
	status = $state<'opening' | 'locked' | 'open' | 'failed'>('opening');
	error = $state.raw<OpenLedgerError>();
	/** While an index is built that was not there: rows done and all. */
	progress = $state.raw<{ done: number; total: number }>();

	constructor(id: string) {
		this.id = id;
		// `null` says that it has been looked for and is not there.
		this.#record = new Live(() => async () => (await db.datanets.get(id)) ?? null);
		this.#waiting = new Live(() => async () => {
			const reviews = await allOf(db.reviews, id).toArray();
			return reviews.reduce((sum, { states }) => sum + states.filter((state) => state === 0).length, 0);
		});
		this.#undo = new Live(() => async () => {
			const { undo, redo } = await nextSteps(db, id);
			return { undo: undo?.label, redo: redo?.label };
		});
		let known: string | undefined;
		$effect(() => {
			if (!this.record) return;
			const lock = this.record.vault?.salt.join() ?? '';
			const changed = known !== undefined && known !== lock;
			known = lock;
			// Where another tab has locked it, the worker asks for the passphrase; where this one has, it is open.
			if (changed && untrack(() => this.status) === 'open') void this.open();
		});
	}

	get record(): DatanetRecord | undefined {
		return this.#record.value ?? undefined;
	}

	get isMissing(): boolean {
		return this.#record.value === null;
	}

	/** Changes whenever its rows do. */
	get revision(): number {
		return this.record?.revision ?? -1;
	}

	/** Rows that wait for the curator. */
	get waiting(): number {
		return this.#waiting.value ?? 0;
	}

	/** What could be undone and done again, for a person. */
	get undoable(): { undo?: string; redo?: string } {
		return this.#undo.value ?? {};
	}

	async open(passphrase?: string): Promise<void> {
		this.error = undefined;
		try {
			await datanets((api) =>
				api.open(
					this.id,
					passphrase,
					proxy((progress: { done: number; total: number }) => {
						this.progress = progress;
					})
				)
			);
			this.status = 'open';
		} catch (thrown) {
			const error = asError(thrown);
			const asks = error.code === 'datanet/locked';
			// The first time it only says that a passphrase is needed.
			if (!asks || passphrase !== undefined) this.error = error;
			this.status = asks ? 'locked' : 'failed';
		}
	}

	async undo(): Promise<void> {
		await this.#step('Undone', () => datanets((api) => api.undo(this.id)));
	}

	async redo(): Promise<void> {
		await this.#step('Done again', () => datanets((api) => api.redo(this.id)));
	}

	async #step(said: string, work: () => Promise<string | undefined>): Promise<void> {
		try {
			const label = await work();
			if (label) toasts.say(`${said}: ${heard(label)}`);
		} catch (thrown) {
			toasts.fail(asError(thrown));
		}
	}
}

export const [getDatanet, setDatanet] = createContext<OpenDatanet>();
