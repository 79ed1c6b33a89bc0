import { OpenLedgerError } from '#workers/errors.ts';
import { fetchBytes } from '#workers/models/download/fetch-bytes.ts';
import { ProgressMeter } from '#workers/models/download/progress.ts';
import type { Remote } from '#workers/models/download/request.ts';
import type { RetryPolicy } from '#workers/models/download/retry.ts';
import { Hub } from '#workers/models/hub/hub.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import { adapterId } from './adapter-id.ts';
import type { AdapterLink, AdapterSource } from './link.ts';
import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE } from './lora-adapter.ts';
import { parseAdapterConfig } from './lora-config.ts';
import { parseManifest, type AdapterManifest } from './manifest.ts';
import { MAX_ADAPTER_BYTES } from './read-adapter.ts';

/** What a link leads to, seen before anything large is fetched. */
export interface AdapterOffer {
	/** The source as it was found: a branch has become a commit. */
	source: AdapterSource;
	/** The fingerprint to come: the link's, else the manifest's; absent where neither states one. */
	id?: string;
	/** True when the link itself says what the adapter must be. */
	vouched: boolean;
	name: string;
	rank: number;
	/** As PEFT's configuration names it. */
	baseName?: string;
	manifest?: AdapterManifest;
	licence?: string;
	/** Bytes of the weights, where the source tells. */
	bytes?: number;
	/** The small files, as they are. */
	files: Map<string, Uint8Array<ArrayBuffer>>;
	weights: Remote;
}

export interface OfferOptions {
	hubUrl?: string;
	signal?: AbortSignal;
	policy?: RetryPolicy;
}

/** PEFT's configurations have some hundred bytes, a manifest at most this. */
const MAX_SMALL_BYTES = 1 << 20;

/**
 * Reads what a link leads to: configuration and manifest, at most 1 MiB each, and how large the weights are.
 * @throws OpenLedgerError `hub/*`, `adapter/*`, `aborted`
 */
export async function lookUpAdapter(link: AdapterLink, options: OfferOptions = {}): Promise<AdapterOffer> {
	const { source, remote, bytes, licence } = await locate(link.source, options);
	if (bytes !== undefined && bytes > MAX_ADAPTER_BYTES) throw tooLarge(bytes);
	const config = await small(remote(CONFIG_FILE), options);
	const manifestBytes = await small(remote(MANIFEST_FILE), options).catch((error: unknown) => {
		// PEFT's own tools write none.
		if (error instanceof OpenLedgerError && error.code === 'hub/not-found') return undefined;
		throw error;
	});
	const { rank, baseModel } = parseAdapterConfig(config);
	const manifest = manifestBytes && parseManifest(manifestBytes);
	if (manifest && manifest.files[CONFIG_FILE] !== (await sha256Hex(config)))
		throw mismatch('The configuration is not the one that the manifest names.');
	const stated = manifest && (await adapterId(manifest.files));
	if (link.id !== undefined && stated !== undefined && stated !== link.id)
		throw mismatch('The source holds another adapter than the link names.');
	const id = link.id ?? stated;
	const files = new Map([[CONFIG_FILE, config]]);
	if (manifestBytes) files.set(MANIFEST_FILE, manifestBytes);
	return {
		source,
		...(id !== undefined && { id }),
		vouched: link.id !== undefined,
		name: manifest?.name ?? nameOf(source),
		rank,
		baseName: manifest?.base.id ?? baseModel,
		manifest,
		licence: manifest?.licence ?? licence,
		bytes,
		files,
		weights: remote(WEIGHTS_FILE)
	};
}

/**
 * Fetches the weights and checks every fingerprint before anything is kept.
 * @returns all files, as `importAdapter` takes them
 * @throws OpenLedgerError `hub/*`, `adapter/too-large`, `adapter/mismatch`, `aborted`
 */
export async function fetchAdapter(
	offer: AdapterOffer,
	{ signal, policy, onProgress }: OfferOptions & { onProgress: (progress: LoadProgress) => void }
): Promise<File[]> {
	const meter = new ProgressMeter(onProgress);
	const { bytes: weights } = await fetchBytes(offer.weights, {
		most: MAX_ADAPTER_BYTES,
		tooMany: tooLarge,
		signal,
		policy,
		onBytes: (done, received) =>
			meter.update({ phase: 'download', bytesDone: done, bytesTotal: offer.bytes }, { received })
	});
	const bytes = weights.byteLength;
	meter.update({ phase: 'verify', bytesDone: bytes, bytesTotal: bytes }, { urgent: true });
	const config = offer.files.get(CONFIG_FILE);
	if (!config) throw new RangeError('an offer without a configuration');
	const hashes = { [WEIGHTS_FILE]: await sha256Hex(weights), [CONFIG_FILE]: await sha256Hex(config) };
	if (offer.id !== undefined && (await adapterId(hashes)) !== offer.id)
		throw mismatch('What came is not the adapter that was offered.');
	const all = new Map([...offer.files, [WEIGHTS_FILE, weights]]);
	return [...all].map(([name, bytes]) => new File([bytes], name));
}

interface Located {
	source: AdapterSource;
	remote: (file: string) => Remote;
	bytes?: number;
	licence?: string;
}

async function locate(source: AdapterSource, options: OfferOptions): Promise<Located> {
	const { hubUrl, signal, policy } = options;
	if (source.kind === 'web') {
		const remote = (file: string): Remote => ({ url: new URL(file, source.folder).href });
		return { source, remote, bytes: await sizeOf(remote(WEIGHTS_FILE), signal) };
	}
	const hub = new Hub({ url: hubUrl, policy });
	const { repo, folder } = source;
	const found = await hub.list(repo, source.revision, signal);
	const path = (file: string) => (folder ? `${folder}/${file}` : file);
	const weights = found.files.find((file) => file.path === path(WEIGHTS_FILE));
	if (!weights)
		throw new OpenLedgerError('hub/not-found', `${repo} holds no ${path(WEIGHTS_FILE)}.`, {
			remedy:
				'Adapters are folders with adapter_config.json and adapter_model.safetensors, as PEFT writes them.'
		});
	return {
		source: { ...source, revision: found.commit },
		remote: (file) => hub.remote(found, path(file)),
		bytes: weights.size,
		licence: found.licence
	};
}

/** Not every server tells, or lets a page see it. */
async function sizeOf({ url }: Remote, signal: AbortSignal | undefined): Promise<number | undefined> {
	const response = await fetch(url, { method: 'HEAD', signal }).catch(() => undefined);
	const length =
		response?.ok && !response.headers.has('Content-Encoding') && response.headers.get('Content-Length');
	return length ? Number(length) : undefined;
}

async function small(remote: Remote, { signal, policy }: OfferOptions): Promise<Uint8Array<ArrayBuffer>> {
	const { bytes } = await fetchBytes(remote, { most: MAX_SMALL_BYTES, tooMany: tooLarge, signal, policy });
	return bytes;
}

function nameOf(source: AdapterSource): string {
	const path = source.kind === 'hub' ? source.folder || source.repo : new URL(source.folder).pathname;
	return path.split('/').findLast(Boolean) ?? 'Adapter';
}

function mismatch(message: string): OpenLedgerError {
	return new OpenLedgerError('adapter/mismatch', message, {
		remedy: 'Nothing was kept. Ask whoever sent the link; the files may have been changed since.'
	});
}

function tooLarge(bytes: number): OpenLedgerError {
	return new OpenLedgerError('adapter/too-large', `The file has ${bytes} bytes or more.`, {
		remedy: `Adapters up to ${MAX_ADAPTER_BYTES} bytes can be used here.`,
		details: { bytes, maxBytes: MAX_ADAPTER_BYTES }
	});
}
