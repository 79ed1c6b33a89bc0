import { recoverTypedDataAddress, type TypedDataDefinition } from 'viem';
import { OpenLedgerError } from '../errors.ts';
import type { Contribution } from './contribution.ts';
import { fromHex, type Hex } from './hash.ts';
import { HASH_BYTES, leafOf } from './merkle/leaf.ts';
import { findPacked, packIds } from './merkle/packed.ts';
import { merkleRoot } from './merkle/tree.ts';

/** A local key or a wallet: viem's `LocalAccount` is one, and so is a thin wrapper around a wallet client. */
export interface Signer {
	address: Hex;
	signTypedData(data: TypedDataDefinition): Promise<Hex>;
}

/** One signature over any number of contributions of one contributor. */
export interface SignedBatch {
	contributor: Hex;
	/** Root of the Merkle tree over the batch's leaves: its identity. */
	root: Hex;
	/** ISO 8601, UTC, whole seconds. */
	created: string;
	signature: Hex;
	/** Ascending ids of its rows, packed: whoever holds some of the rows can prove them with these. */
	ids: Uint8Array;
}

/** No chain id and no contract: the signature states authorship and can move nothing on any chain. */
export const DATANET_DOMAIN = { name: 'OpenLedger Datanets', version: '1' } as const;

export const BATCH_STATEMENT =
	'I contribute these rows under the licences they state. This moves no money and gives no permission to spend.';

const BATCH_TYPES = {
	ContributionBatch: [
		{ name: 'statement', type: 'string' },
		{ name: 'contributor', type: 'address' },
		{ name: 'root', type: 'bytes32' },
		{ name: 'count', type: 'uint256' },
		{ name: 'created', type: 'string' }
	]
} as const;

/** What a wallet shows and signs (EIP-712). */
function batchTypedData(batch: Omit<SignedBatch, 'signature'>) {
	return {
		domain: DATANET_DOMAIN,
		types: BATCH_TYPES,
		primaryType: 'ContributionBatch',
		message: {
			statement: BATCH_STATEMENT,
			contributor: batch.contributor,
			root: batch.root,
			count: BigInt(batch.ids.length / HASH_BYTES),
			created: batch.created
		}
	} as const;
}

/** Signs all the rows at once. Throws a plain Error for no rows or for rows of someone else. */
export async function signBatch(
	rows: readonly Pick<Contribution, 'id' | 'contributor'>[],
	signer: Signer,
	created: Date
): Promise<SignedBatch> {
	const contributor = signer.address.toLowerCase() as Hex;
	if (rows.some((row) => row.contributor !== contributor))
		throw new Error('a batch is signed by its contributor alone');
	const ids = packIds(rows.map((row) => row.id));
	const batch = {
		contributor,
		root: batchRoot(contributor, ids),
		created: `${created.toISOString().slice(0, 19)}Z`,
		ids
	};
	return { ...batch, signature: await signer.signTypedData(batchTypedData(batch)) };
}

/** Throws `datanet/wrong-root` or `datanet/bad-signature` unless the contributor signed exactly these rows. */
export async function verifyBatch(batch: SignedBatch): Promise<void> {
	if (batch.ids.length === 0 || batchRoot(batch.contributor, batch.ids) !== batch.root)
		throw new OpenLedgerError('datanet/wrong-root', 'The rows of a batch do not add up to its signed root.', {
			remedy: 'Ask the sender for a fresh file; this one was damaged or changed.',
			details: { root: batch.root }
		});
	const signer = await recoverTypedDataAddress({
		...batchTypedData(batch),
		signature: batch.signature
	}).catch(() => undefined);
	if (signer?.toLowerCase() !== batch.contributor)
		throw new OpenLedgerError('datanet/bad-signature', 'A signature does not belong to its contributor.', {
			remedy: 'Ask the sender for a fresh file; this one was changed after it was signed.',
			details: { contributor: batch.contributor, root: batch.root }
		});
}

/** True where the (verified) batch holds this row. */
export function covers(batch: SignedBatch, row: Pick<Contribution, 'id' | 'contributor'>): boolean {
	return batch.contributor === row.contributor && findPacked(batch.ids, fromHex(row.id)) >= 0;
}

function batchRoot(contributor: Hex, ids: Uint8Array): Hex {
	const leaves = new Uint8Array(ids.length);
	for (let at = 0; at < ids.length; at += HASH_BYTES)
		leaves.set(leafOf(ids.subarray(at, at + HASH_BYTES), contributor), at);
	return merkleRoot(leaves);
}
