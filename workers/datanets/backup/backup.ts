import { readManifest } from '../bundle/read.ts';
import { mergeBundle } from '../bundle/merge.ts';
import { damaged } from '../bundle/records.ts';
import { bundleRecords, bundleStream } from '../bundle/write.ts';
import { isRecord } from '../formats/items.ts';
import { isHash } from '../hash.ts';
import { Session } from '../session.ts';
import type { DatanetDb } from '../store/db.ts';
import { stored } from '../store/failures.ts';
import { adoptKey, localIdentity, privateKeyOf } from '../store/keys.ts';
import type { VaultRecord } from '../store/schema.ts';
import { Vault } from '../store/vault.ts';
import { packEntries, unpackEntries, type Entry } from './container.ts';
import { decryptFile, encryptFile } from './encrypt.ts';
import { askUntilOpen, vaultFromJson, vaultToJson, type Unlock } from './unlock.ts';

export interface BackupReport {
	datanets: number;
	/** Names of locked Datanets that were passed over: without a passphrase of its own, or of theirs. */
	leftOut: string[];
}

/**
 * Everything in one file: every Datanet with its history and, under a passphrase, this device's key and the Datanets
 * that are locked on it.
 *
 * @param open gives an opened session, also of a locked Datanet; undefined where it stays locked
 */
export async function backup(
	db: DatanetDb,
	passphrase: string | undefined,
	open: (datanet: string) => Promise<Session | undefined>,
	onProgress: (done: number, total: number) => void,
	signal: AbortSignal
): Promise<{ file: Blob; report: BackupReport }> {
	const entries: Entry[] = [];
	const leftOut: string[] = [];
	const vaults: Record<string, unknown> = {};
	const datanets = await stored(() => db.datanets.toArray());
	for (const [i, { id, name, vault }] of datanets.entries()) {
		signal.throwIfAborted();
		const session = vault && !passphrase ? undefined : await open(id);
		if (!session) leftOut.push(name);
		else {
			if (vault) vaults[id] = vaultToJson(vault);
			const records = bundleRecords(session, { purpose: 'datanet', from: 'backup', history: true });
			entries.push({ name: `${id}.datanet`, content: await new Response(bundleStream(records)).blob() });
		}
		onProgress(i + 1, datanets.length);
	}
	const mappings = JSON.stringify(await stored(() => db.mappings.toArray()));
	entries.push({ name: 'mappings.json', content: new Blob([mappings]) });
	if (passphrase) {
		entries.push({ name: 'vaults.json', content: new Blob([JSON.stringify(vaults)]) });
		const key = await privateKeyOf(await localIdentity(db));
		entries.push({ name: 'key.json', content: new Blob([JSON.stringify({ key })]) });
	}
	const file = packEntries(entries);
	return {
		file: passphrase ? await encryptFile(file, passphrase) : file,
		report: { datanets: datanets.length - leftOut.length, leftOut }
	};
}

/**
 * Brings back what a backup holds. A Datanet that is here already is merged with, so nothing that came after the backup
 * is lost; each is brought back whole or not at all. One that was locked comes back locked, with its own passphrase.
 * Throws `datanet/*`, `storage/*`.
 *
 * @param open an opened session of a Datanet that is here already; undefined where it stays locked
 * @param unlock asks for the passphrase of one that comes back locked
 */
export async function restore(
	db: DatanetDb,
	file: Blob,
	passphrase: string | undefined,
	open: (datanet: string) => Promise<Session | undefined>,
	unlock: Unlock,
	onProgress: (done: number, total: number) => void,
	signal: AbortSignal
): Promise<BackupReport & { key: boolean }> {
	const entries = await unpackEntries(passphrase === undefined ? file : await decryptFile(file, passphrase));
	const bundles = entries.filter((entry) => entry.name.endsWith('.datanet'));
	const vaults = await jsonOf(entries, 'vaults.json');
	const leftOut: string[] = [];
	for (const [i, { content }] of bundles.entries()) {
		signal.throwIfAborted();
		const manifest = await readManifest(content);
		const { datanet, info } = manifest;
		const here = await stored(() => db.datanets.get(datanet));
		const vault = here || !isRecord(vaults) ? undefined : vaultOf(vaults[datanet]);
		const session = here
			? await open(datanet)
			: vault
				? await askUntilOpen(info.name, unlock, async (secret) => {
						return new Session(db, datanet, await Vault.unlock(vault, secret));
					})
				: new Session(db, datanet, undefined);
		if (session) await mergeBundle(session, manifest, content, !here, undefined, signal, vault);
		else leftOut.push(info.name);
		onProgress(i + 1, bundles.length);
	}
	const mappings = await jsonOf(entries, 'mappings.json');
	if (Array.isArray(mappings))
		await stored(() =>
			db.mappings.bulkPut(mappings.filter((entry) => isRecord(entry) && typeof entry.signature === 'string'))
		);
	const key = await jsonOf(entries, 'key.json');
	const report = { datanets: bundles.length - leftOut.length, leftOut };
	if (key === undefined) return { ...report, key: false };
	if (!isRecord(key) || !isHash(key.key)) throw damaged('its key cannot be read');
	await adoptKey(db, key.key);
	return { ...report, key: true };
}

function vaultOf(value: unknown): VaultRecord | undefined {
	if (value === undefined) return undefined;
	const vault = vaultFromJson(value);
	if (!vault) throw damaged('the lock of a Datanet cannot be read');
	return vault;
}

async function jsonOf(entries: readonly Entry[], name: string): Promise<unknown> {
	const entry = entries.find((candidate) => candidate.name === name);
	if (!entry || entry.content.size > 10_000_000) return undefined;
	try {
		return JSON.parse(await entry.content.text());
	} catch (cause) {
		throw damaged(`${name} cannot be read`, cause);
	}
}
