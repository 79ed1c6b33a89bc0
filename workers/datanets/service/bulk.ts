import type { BulkEdit } from '../api.ts';
import { normalTags, type Content, type Contribution } from '../contribution.ts';
import { maskPersonalData } from '../checks/personal-data.ts';
import type { Hex } from '../hash.ts';
import { rowsIn } from '../export/rows.ts';
import type { Session } from '../session.ts';
import { change } from '../store/change.ts';
import { allOf, dropIndex } from '../store/db.ts';
import { edited, replaceRows, type Edit } from '../store/edits.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { findPacked } from '../merkle/packed.ts';
import { SEGMENT_ROWS } from '../store/schema.ts';
import { stageRows } from '../store/staging.ts';

/** Fewer changes than this go in one transaction with their rows; more are staged first. */
const SMALL = 200;

/** Edits many rows in one step that can be undone. Returns how many have changed. */
export async function editAll(
	session: Session,
	slots: Uint32Array,
	edit: BulkEdit,
	contributor: Hex,
	onRows: (done: number) => void
): Promise<number> {
	const at = new Date();
	// A mask and a tag add nothing of one's own: all credit stays where it was.
	const by = { contributor, parentShare: 10_000 };
	const changeOf = (row: Contribution): Contribution | undefined => {
		const change = editOf(row, edit);
		return change && edited(row, change, by, at);
	};
	if (slots.length <= SMALL) {
		const pairs: { from: Hex; to: Contribution }[] = [];
		for await (const rows of rowsIn(session, slots, onRows))
			for (const row of rows) {
				const to = changeOf(row);
				if (to) pairs.push({ from: row.id, to });
			}
		if (pairs.length > 0) await replaceRows(session, pairs, labelOf(edit, pairs.length));
		return pairs.length;
	}
	const replaced: number[] = [];
	await stageRows(
		session,
		{
			label: labelOf(edit, slots.length),
			finish: async (plan, staging) => {
				await staging.join(plan);
				for (const slot of replaced) plan.set(slot, false);
			}
		},
		async (staging) => {
			for await (const rows of rowsIn(session, slots, onRows))
				for (const row of rows) {
					const to = changeOf(row);
					const slot = session.catalogue.find(row.id);
					if (to && (await staging.add(to, { place: session.catalogue.placeOf(slot) }))) replaced.push(slot);
				}
		}
	);
	return replaced.length;
}

/**
 * Deletes the content of rows that are neither in the Datanet nor in one of its versions, with the words that the index
 * holds of them. What was done so far cannot be undone afterwards. Returns how many rows were forgotten.
 */
export async function forgetRemoved(session: Session): Promise<number> {
	const { db, catalogue } = session;
	let forgotten = 0;
	await change(db, catalogue, undefined, async () => {
		const versions = await allOf(db.versions, catalogue.datanet).toArray();
		for (const { segment, ids } of catalogue.segments) {
			const dead: [string, Hex][] = [];
			for (let i = 0; i < ids.length / HASH_BYTES; i++) {
				const slot = segment * SEGMENT_ROWS + i;
				const bytes = catalogue.bytesAt(slot);
				if (catalogue.isIn(slot) || catalogue.findBytes(bytes) !== slot || !session.index.isKnown(slot))
					continue;
				if (!versions.some((version) => findPacked(version.ids, bytes) >= 0))
					dead.push([catalogue.datanet, catalogue.idAt(slot)]);
			}
			if (dead.length === 0) continue;
			forgotten += dead.length;
			await db.rows.bulkDelete(dead);
			await dropIndex(db, catalogue.datanet, segment);
		}
		await allOf(db.journal, catalogue.datanet).delete();
	});
	session.forgetIndex();
	await session.refresh();
	return forgotten;
}

/** What changes in a row; undefined where nothing would. */
function editOf(row: Contribution, edit: BulkEdit): Edit | undefined {
	const change: Edit = {};
	for (const field of ['licence', 'source', 'language'] as const) {
		const value = edit[field]?.trim();
		if (value !== undefined && value !== row[field]) change[field] = value;
	}
	const removed = new Set(edit.removeTags);
	const tags = normalTags([...row.tags.filter((tag) => !removed.has(tag)), ...(edit.addTags ?? [])]);
	if (tags.join('\n') !== row.tags.join('\n')) change.tags = tags;
	if (edit.mask) {
		const content = maskContent(row.content, row.language);
		if (JSON.stringify(content) !== JSON.stringify(row.content)) change.content = content;
	}
	return Object.keys(change).length > 0 ? change : undefined;
}

function maskContent(content: Content, language: string): Content {
	const mask = (text: string) => maskPersonalData(text, language);
	switch (content.kind) {
		case 'pair': {
			const pair = { ...content, prompt: mask(content.prompt), response: mask(content.response) };
			return content.system === undefined ? pair : { ...pair, system: mask(content.system) };
		}
		case 'conversation':
			return {
				kind: content.kind,
				messages: content.messages.map((message) => ({ ...message, content: mask(message.content) }))
			};
		case 'passage': {
			const passage = { ...content, text: mask(content.text) };
			return content.title === undefined ? passage : { ...passage, title: mask(content.title) };
		}
	}
}

function labelOf(edit: BulkEdit, rows: number): string {
	const what = edit.mask ? 'Mask personal data in' : edit.addTags || edit.removeTags ? 'Tag' : 'Edit';
	return `${what} ${rows === 1 ? 'a row' : `${rows.toLocaleString('en')} rows`}`;
}
