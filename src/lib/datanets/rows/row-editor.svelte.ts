import type { RowStory } from '#workers/datanets/api.ts';
import type { Content, Contribution } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import { datanets } from '../connection.ts';
import { asError } from '../errors.ts';
import { me } from '../identity/me.svelte.ts';
import { draftOf, dropDraft, keepDraft } from './drafts.ts';

/** What can be changed of a row in its panel. */
interface Fields {
	content: Content;
	tags: string[];
	licence: string;
	language: string;
	source: string;
}

/** After the last key, a draft is kept. */
const DRAFT_AFTER = 300;

/**
 * One row in its panel: what is stored, what is being written, and the way from one to the other. Leaving keeps what was
 * written; only "Put back" throws it away.
 */
export class RowEditor {
	readonly datanet: string;
	readonly id: Hex;
	story = $state.raw<RowStory>();
	fields = $state.raw<Fields>();
	error = $state.raw<OpenLedgerError>();
	status = $state<'saved' | 'writing' | 'draft' | 'saving'>('saved');
	/** When a draft from an earlier visit was found. */
	foundDraft = $state<number>();
	/** Basis points of the credit that a corrected row's contributor keeps. */
	parentShare = $state(7_000);
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(datanet: string, id: Hex) {
		this.datanet = datanet;
		this.id = id;
	}

	async load(): Promise<void> {
		try {
			const story = await datanets((api) => api.story(this.datanet, this.id));
			this.story = story;
			this.fields = fieldsOf(story.view.row);
			const draft = await draftOf<Fields>(this.datanet, this.id);
			if (!draft) return;
			this.fields = draft.body;
			this.foundDraft = draft.at;
			this.status = 'draft';
		} catch (thrown) {
			this.error = asError(thrown);
		}
	}

	get row(): Contribution | undefined {
		return this.story?.view.row;
	}

	get isChanged(): boolean {
		return !!this.row && !!this.fields && JSON.stringify(this.fields) !== JSON.stringify(fieldsOf(this.row));
	}

	/** True where someone else's words are being changed: then the credit is shared. */
	get sharesCredit(): boolean {
		return (
			!!this.row &&
			!me.is(this.row.contributor) &&
			JSON.stringify(this.fields?.content) !== JSON.stringify(this.row.content)
		);
	}

	change(change: Partial<Fields>): void {
		if (!this.fields) return;
		this.fields = { ...this.fields, ...change };
		this.status = 'writing';
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#draft(), DRAFT_AFTER);
	}

	/** Confirms what was written. Returns the row's new id, or its old one where nothing was to be done. */
	async save(): Promise<Hex> {
		clearTimeout(this.#timer);
		const { row, fields } = this;
		if (!row || !fields || !this.isChanged) {
			if (this.status !== 'saved') await dropDraft(this.datanet, this.id);
			this.status = 'saved';
			return this.id;
		}
		this.status = 'saving';
		this.error = undefined;
		try {
			const before = fieldsOf(row);
			const edit = Object.fromEntries(
				Object.entries(fields).filter(
					([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof Fields])
				)
			);
			const share = me.is(row.contributor) ? 0 : this.parentShare;
			const id = await datanets((api) => api.edit(this.datanet, this.id, edit, share));
			this.status = 'saved';
			this.foundDraft = undefined;
			return id;
		} catch (thrown) {
			await this.#draft();
			this.error = asError(thrown);
			throw thrown;
		}
	}

	async putBack(): Promise<void> {
		clearTimeout(this.#timer);
		if (this.row) this.fields = fieldsOf(this.row);
		this.status = 'saved';
		this.foundDraft = undefined;
		this.error = undefined;
		await dropDraft(this.datanet, this.id);
	}

	async #draft(): Promise<void> {
		if (!this.fields) return;
		if (this.isChanged) await keepDraft(this.datanet, this.id, $state.snapshot(this.fields));
		else await dropDraft(this.datanet, this.id);
		this.status = this.isChanged ? 'draft' : 'saved';
	}
}

function fieldsOf({ content, tags, licence, language, source }: Contribution): Fields {
	return { content, tags, licence, language, source };
}
