import { OpenLedgerError } from '../../errors.ts';
import { signBatch, type SignedBatch, type Signer } from '../batch.ts';
import type { Hex } from '../hash.ts';
import { hashAt } from '../merkle/packed.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { change, freshen } from './change.ts';
import { stored } from './failures.ts';
import type { VersionRecord } from './schema.ts';
import type { Access } from './staging.ts';

/**
 * Stores a version, with the signature of the rows that were not signed yet, if the Datanet still is what it was
 * computed from. False where it has changed meanwhile: compute again. A root that is known already keeps its first date.
 */
export async function storeVersion(
	access: Access,
	revision: number,
	version: Omit<VersionRecord, 'datanet'>,
	batch?: SignedBatch
): Promise<boolean> {
	const { db, catalogue } = access;
	return stored(() =>
		db.transaction('rw', [db.datanets, db.segments, db.versions, db.batches], async () => {
			const datanet = await freshen(db, catalogue);
			if (datanet.revision !== revision) return false;
			if (batch) await db.batches.put({ ...batch, datanet: catalogue.datanet });
			if (!(await db.versions.get([catalogue.datanet, version.root])))
				await db.versions.put({ ...version, datanet: catalogue.datanet });
			return true;
		})
	);
}

/** One signature over rows of the signer. */
export async function signRows(
	access: Access,
	rows: readonly { id: Hex; contributor: Hex }[],
	signer: Signer
): Promise<SignedBatch> {
	const batch = await signBatch(rows, signer, new Date());
	await stored(() => access.db.batches.put({ ...batch, datanet: access.catalogue.datanet }));
	return batch;
}

/** Makes the Datanet hold exactly the rows of a version again; can be undone. Throws `datanet/not-found`. */
export async function restoreVersion(access: Access, root: Hex): Promise<void> {
	const { db, catalogue } = access;
	const version = await stored(() => db.versions.get([catalogue.datanet, root]));
	if (!version)
		throw new OpenLedgerError('datanet/not-found', 'This version is not on this device.', {
			remedy: 'Import the Datanet from a file that holds it.',
			details: { root }
		});
	await change(db, catalogue, 'Restore a version', (plan) => {
		const wanted = new Set<number>();
		for (let at = 0; at < version.ids.length / HASH_BYTES; at++) {
			const slot = catalogue.findBytes(hashAt(version.ids, at));
			if (slot < 0) throw incomplete(root);
			wanted.add(slot);
		}
		for (const slot of catalogue.listed()) if (!wanted.has(slot)) plan.set(slot, false);
		for (const slot of wanted) plan.set(slot, true);
	});
}

function incomplete(root: Hex): OpenLedgerError {
	return new OpenLedgerError('datanet/not-found', 'Some rows of this version are not on this device.', {
		remedy: 'Import a bundle of the Datanet that holds its history.',
		details: { root }
	});
}
