import type { VersionDifference, VersionView } from '../api.ts';
import { signBatch, type Signer } from '../batch.ts';
import type { Contribution } from '../contribution.ts';
import { toHex, type Hex } from '../hash.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { hashAt, packIds } from '../merkle/packed.ts';
import type { Session } from '../session.ts';
import { stored } from '../store/failures.ts';
import { storeVersion } from '../store/versions.ts';
import { ancestorsOf } from './credits.ts';
import { diffVersions, type Version } from '../version.ts';

const EXAMPLES = 100;

/**
 * Freezes the rows as they are: signs what this device's key has contributed and not signed yet, computes the root, and
 * stores both together. Starts again where another tab has changed the rows meanwhile.
 */
export async function freeze(
	session: Session,
	signer: Signer,
	note: string,
	goOn: (done: number, total: number) => void | Promise<void>
): Promise<VersionView> {
	for (;;) {
		const { revision } = await session.refresh();
		const slots = session.catalogue.listed();
		const ids = session.idsOf(slots);
		const unsigned = ids.flatMap((id, i) => {
			const slot = slots[i] ?? 0;
			return session.contributorAt(slot) === signer.address && !session.isSigned(slot, signer.address)
				? [{ id, contributor: signer.address }]
				: [];
		});
		const now = new Date();
		const root = await session.leaves.root(slots, (done) => goOn(done, slots.length));
		const batch = unsigned.length > 0 ? await signBatch(unsigned, signer, now) : undefined;
		const version: Version = { root, created: `${now.toISOString().slice(0, 19)}Z`, note, ids: packIds(ids) };
		if (!(await storeVersion(session, revision, version, batch))) continue;
		await session.refresh();
		return { root, created: version.created, note, rows: slots.length };
	}
}

/** What changed from one version to another; the rows as they are where `to` is not given. */
export async function compare(
	session: Session,
	from: Hex | undefined,
	to: Hex | undefined
): Promise<VersionDifference> {
	const [before, after] = await Promise.all([idsOf(session, from, true), idsOf(session, to, false)]);
	const plain = diffVersions(before, after, () => null);
	const rows = (await session.rows.get(plain.added)).filter((row) => row !== undefined);
	const known = await ancestorsOf(session, rows);
	for (const row of rows) known.set(row.id, row);
	const { added, removed, corrected } = diffVersions(before, after, (id) => known.get(id)?.parent ?? null);
	const isCorrection = new Set(corrected.flatMap((pair) => [pair.from, pair.to]));
	const only = (ids: Hex[]) => ids.filter((id) => !isCorrection.has(id));
	const show = async (ids: Hex[]) =>
		(await session.rows.get(ids.slice(0, EXAMPLES))).filter((row) => row !== undefined);
	const examples: { from: Contribution; to: Contribution }[] = [];
	const shown = corrected.slice(0, EXAMPLES);
	const olds = await session.rows.get(shown.map((pair) => pair.from));
	const news = await session.rows.get(shown.map((pair) => pair.to));
	shown.forEach((_, i) => {
		const [was, is] = [olds[i], news[i]];
		if (was && is) examples.push({ from: was, to: is });
	});
	return {
		added: only(added).length,
		removed: only(removed).length,
		corrected: corrected.length,
		examples: { added: await show(only(added)), removed: await show(only(removed)), corrected: examples }
	};
}

/** Rows of a version, ascending by id; the rows as they are where no root is given. */
export async function rowsOf(
	session: Session,
	root: Hex | undefined,
	start: number,
	count: number
): Promise<{ rows: Contribution[]; total: number }> {
	const ids = await idsOf(session, root, false);
	const total = ids.length / HASH_BYTES;
	const some = Array.from({ length: Math.max(0, Math.min(count, total - start)) }, (_, i) =>
		toHex(hashAt(ids, start + i))
	);
	return { rows: (await session.rows.get(some)).filter((row) => row !== undefined), total };
}

async function idsOf(session: Session, root: Hex | undefined, isStart: boolean): Promise<Uint8Array> {
	if (root !== undefined) {
		const version = await stored(() => session.db.versions.get([session.catalogue.datanet, root]));
		return version?.ids ?? new Uint8Array();
	}
	return isStart ? new Uint8Array() : packIds(session.idsOf(session.catalogue.listed()));
}
