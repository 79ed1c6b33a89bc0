import { OpenLedgerError } from '#workers/errors.ts';
import { isWebPage, webPage } from '#workers/formats/web-page.ts';
import { fetchBytes } from '#workers/models/download/fetch-bytes.ts';
import type { RetryPolicy } from '#workers/models/download/retry.ts';
import { Hub } from '#workers/models/hub/hub.ts';
import type { AdapterSource } from './link.ts';
import { WEIGHTS_FILE } from './lora-adapter.ts';
import { MAX_ADAPTER_BYTES } from './read-adapter.ts';

/** Where things are fetched, as the person has set it. */
export interface SourceOptions {
	hubUrl?: string;
	/** Address of an IPFS gateway; without one nothing is fetched from IPFS. */
	gateway?: string;
	signal?: AbortSignal;
	policy?: RetryPolicy;
	/** Milliseconds that a look-up may take. */
	limitMs?: number;
}

export interface ReadOptions {
	/** Bytes at most; the error that more of them are. */
	most: number;
	tooMany: (bytes: number) => Error;
	signal?: AbortSignal;
	/** Told after each piece: bytes so far, and of the piece. */
	onBytes?: (done: number, received: number) => void;
}

/** A place that holds an adapter's files. */
export interface Located {
	/** As it was found: a branch has become a commit. Absent for files that a person has opened. */
	source?: AdapterSource;
	/** What the place calls it. */
	name: string;
	/** One of its files. @throws OpenLedgerError `hub/not-found` where it has none of that name, and other `hub/*`, `ipfs/*` */
	read(file: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;
	/** Bytes of the weights, where the place tells. */
	bytes?: number;
	/** Bytes of a file, 0 where there is none of that name, undefined where the place does not tell. */
	sizeOf(file: string): Promise<number | undefined>;
	/** SHA-256 (hex) of the weights, where the place tells; it has to be checked. */
	sha256?: string;
	licence?: string;
}

/** Finds a source. @throws OpenLedgerError `hub/*`, `ipfs/*`, `aborted` */
export function locate(source: AdapterSource, options: SourceOptions): Promise<Located> {
	switch (source.kind) {
		case 'web':
			return onWeb(source, options);
		case 'hub':
			return onHub(source, options);
		case 'ipfs':
			return onIpfs(source, options);
	}
}

async function onWeb(
	source: AdapterSource & { kind: 'web' },
	{ policy, signal }: SourceOptions
): Promise<Located> {
	const urlOf = (file: string) => new URL(file, source.folder).href;
	return {
		source,
		name: lastOf(new URL(source.folder).pathname),
		bytes: (await sizeOf(urlOf(WEIGHTS_FILE), signal)) || undefined,
		sizeOf: (file) => sizeOf(urlOf(file), signal),
		read: async (file, options) => {
			const url = urlOf(file);
			const { bytes } = await fetchBytes({ url }, { policy, ...options }).catch((error: unknown) => {
				throw ofFolder(error);
			});
			// Hosts of single-page apps answer so, with status 200, for what they do not have.
			if (isWebPage(bytes)) throw webPage('hub/not-found', url);
			return bytes;
		}
	};
}

/** What the Hub's words do not fit: its licences, and that another site has to let pages read it. */
function ofFolder(error: unknown): unknown {
	if (!(error instanceof OpenLedgerError)) return error;
	const { code, message, details } = error;
	if (code !== 'hub/unreachable' && code !== 'hub/unauthorised') return error;
	return new OpenLedgerError(code, message, {
		remedy:
			code === 'hub/unauthorised'
				? 'Everybody must be able to read the folder without signing in.'
				: 'Check the address and the connection. The host must also let other sites read the folder (CORS).',
		details,
		cause: error
	});
}

/** Not every server tells, or lets a page see it. */
async function sizeOf(url: string, signal: AbortSignal | undefined): Promise<number | undefined> {
	const response = await fetch(url, { method: 'HEAD', signal }).catch(() => undefined);
	if (response?.status === 404) return 0;
	if (!response?.ok || response.headers.has('Content-Encoding')) return undefined;
	const length = response.headers.get('Content-Length') ?? '';
	// Some say 0 to every HEAD.
	return /^\d{1,15}$/.test(length) ? Number(length) || undefined : undefined;
}

async function onHub(
	source: AdapterSource & { kind: 'hub' },
	{ hubUrl, policy, signal }: SourceOptions
): Promise<Located> {
	const hub = new Hub({ url: hubUrl, policy });
	const { repo, folder } = source;
	const found = await hub.list(repo, source.revision, signal);
	const path = (file: string) => (folder ? `${folder}/${file}` : file);
	const find = (name: string) => found.files.find((file) => file.path === path(name));
	const weights = find(WEIGHTS_FILE);
	if (!weights) throw noAdapter(`${repo} holds no ${path(WEIGHTS_FILE)}.`);
	return {
		source: { ...source, revision: found.commit },
		name: lastOf(folder || repo),
		bytes: weights.size,
		sizeOf: (file) => Promise.resolve(find(file)?.size ?? 0),
		...('sha256' in weights && { sha256: weights.sha256 }),
		licence: found.licence,
		read: async (file, options) =>
			(await fetchBytes(hub.remote(found, path(file)), { policy, ...options })).bytes
	};
}

async function onIpfs(
	source: AdapterSource & { kind: 'ipfs' },
	{ gateway, policy, signal }: SourceOptions
): Promise<Located> {
	if (!gateway)
		throw new OpenLedgerError('ipfs/no-gateway', 'This link leads to IPFS, and no gateway is chosen yet.', {
			remedy: 'Choose one below. It learns what you ask for, but can change nothing: every block is checked.'
		});
	const [{ gatewayBlocks }, { parseCid }, { inFolder }] = await Promise.all([
		import('#workers/ipfs/gateway.ts'),
		import('#workers/ipfs/blocks.ts'),
		import('./in-folder.ts')
	]);
	const { cid, folder } = source;
	const blocks = gatewayBlocks(gateway, policy);
	return { ...(await inFolder(blocks, parseCid(cid), folder, signal)), source, name: lastOf(folder || cid) };
}

/** A file that a person has opened: an adapter as a CAR archive. @throws OpenLedgerError `ipfs/*`, `adapter/too-large` */
export async function inArchive(file: File): Promise<Located> {
	if (file.size > MAX_ADAPTER_BYTES)
		throw new OpenLedgerError('adapter/too-large', `${file.name} has ${file.size} bytes.`, {
			remedy: `Adapters up to ${MAX_ADAPTER_BYTES} bytes can be used here.`,
			details: { bytes: file.size, maxBytes: MAX_ADAPTER_BYTES }
		});
	const [{ openArchive }, { inFolder }] = await Promise.all([
		import('#workers/ipfs/archive.ts'),
		import('./in-folder.ts')
	]);
	const { root, blocks } = await openArchive(new Uint8Array(await file.arrayBuffer()));
	return { ...(await inFolder(blocks, root, '')), name: file.name.replace(/(\.adapter)?\.car$/i, '') };
}

export function noAdapter(message: string): OpenLedgerError {
	return new OpenLedgerError('hub/not-found', message, {
		remedy:
			'Adapters are folders with adapter_config.json and adapter_model.safetensors, as PEFT writes them.'
	});
}

function lastOf(path: string): string {
	return path.split('/').findLast(Boolean) ?? 'Adapter';
}
