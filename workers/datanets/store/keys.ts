import { fromHex, toHex, type Hex } from '../hash.ts';
import { generateLocalKey, localSigner, verifyLink, type WalletLink } from '../identity.ts';
import type { Signer } from '../batch.ts';
import type { DatanetDb } from './db.ts';
import { stored } from './failures.ts';
import type { KeyRecord } from './schema.ts';
import { open, seal } from './vault.ts';

/**
 * The key of this device, made when it is first asked for. At rest it is wrapped by a key that WebCrypto keeps and
 * gives to nobody, so that a copied profile folder alone reveals nothing readable.
 */
export async function localIdentity(db: DatanetDb): Promise<KeyRecord> {
	const found = await stored(() => latestKey(db));
	if (found) return found;
	const made = await wrapKey(generateLocalKey());
	// Two tabs may both have made one: the first that is stored is everyone's.
	return stored(() =>
		db.transaction('rw', db.keys, async () => {
			const earlier = await latestKey(db);
			if (earlier) return earlier;
			await db.keys.add(made);
			return made;
		})
	);
}

export async function signerOf(record: KeyRecord): Promise<Signer> {
	return localSigner(await privateKeyOf(record));
}

/** For a backup, which is encrypted again. */
export async function privateKeyOf(record: KeyRecord): Promise<Hex> {
	return toHex(await open(record.wrapping, record.sealed));
}

/** There are several where a backup brought one: that is the person's. */
async function latestKey(db: DatanetDb): Promise<KeyRecord | undefined> {
	return (await db.keys.toArray()).sort((a, b) => b.created - a.created)[0];
}

/** Signs with the key of a backup from now on. This device's own is kept: rows may bear its name. */
export async function adoptKey(db: DatanetDb, privateKey: Hex): Promise<void> {
	const record = await wrapKey(privateKey);
	await stored(() =>
		db.transaction('rw', db.keys, async () => {
			const before = await latestKey(db);
			await db.keys.put({ ...record, created: Math.max(record.created, (before?.created ?? 0) + 1) });
		})
	);
}

/** Stores who a key belongs to; of two links of one key the later holds. Throws `datanet/bad-signature`. */
export async function storeLink(db: DatanetDb, link: WalletLink): Promise<void> {
	await verifyLink(link);
	await stored(() =>
		db.transaction('rw', db.links, async () => {
			const earlier = await db.links.get(link.key);
			if (!earlier || earlier.created < link.created) await db.links.put(link);
		})
	);
}

async function wrapKey(privateKey: Hex): Promise<KeyRecord> {
	const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, [
		'encrypt',
		'decrypt'
	]);
	return {
		address: localSigner(privateKey).address,
		created: Date.now(),
		sealed: await seal(wrapping, new Uint8Array(fromHex(privateKey))),
		wrapping
	};
}
