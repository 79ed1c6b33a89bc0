import { OpenLedgerError } from '#workers/errors.ts';
import { ProgressMeter } from '#workers/models/download/progress.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import { adapterId } from './adapter-id.ts';
import { locate, type Located, type SourceOptions } from './locate.ts';
import type { AdapterLink, AdapterSource } from './link.ts';
import { CONFIG_FILE, INDEX_FILE, MANIFEST_FILE, WEIGHTS_FILE } from './lora-adapter.ts';
import { parseAdapterConfig } from './lora-config.ts';
import { parseManifest, type AdapterManifest } from './manifest.ts';
import { MAX_ADAPTER_BYTES } from './read-adapter.ts';

/** What a link leads to, seen before anything large is fetched. */
export interface AdapterOffer {
	/** The source as it was found: a branch has become a commit. Absent for a file that a person has opened. */
	source?: AdapterSource;
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
	/** Bytes of the attribution index, where the source tells; 0: there is none. */
	indexBytes?: number;
	/** SHA-256 (hex) of weights and manifest, where they are known before the weights are fetched. */
	hashes: { weights?: string; manifest?: string };
	/** The small files, as they are. */
	files: Map<string, Uint8Array<ArrayBuffer>>;
	/** Fetches the others. */
	read: Located['read'];
}

/** PEFT's configurations have some hundred bytes, a manifest at most this. */
const MAX_SMALL_BYTES = 1 << 20;
/** A few kilobytes over the slowest connection. */
const LOOK_UP_MS = 30_000;

/**
 * Reads what a link leads to: configuration and manifest, at most 1 MiB each, and how large the weights are.
 * @throws OpenLedgerError `hub/*` (`hub/unreachable` also where it takes too long), `ipfs/*`, `adapter/*`, `aborted`
 */
export async function lookUpAdapter(link: AdapterLink, options: SourceOptions = {}): Promise<AdapterOffer> {
	const late = new AbortController();
	const timer = setTimeout(() => late.abort(tooLate()), options.limitMs ?? LOOK_UP_MS);
	const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal;
	try {
		return await offerOf(await locate(link.source, { ...options, signal }), { signal }, link.id);
	} finally {
		clearTimeout(timer);
	}
}

/** Bytes that fetching the rest takes at most, and whether the source has stated all of them. */
export function downloadOf({ bytes, indexBytes }: AdapterOffer): { most: number; isStated: boolean } {
	return {
		most: (bytes ?? MAX_ADAPTER_BYTES) + (indexBytes ?? MAX_ADAPTER_BYTES),
		isStated: bytes !== undefined && indexBytes !== undefined
	};
}

/**
 * What a place offers.
 * @param vouched the id that it must have
 * @throws as `lookUpAdapter`
 */
export async function offerOf(
	{ source, name, read, bytes, sizeOf, sha256, licence }: Located,
	{ signal }: { signal?: AbortSignal },
	vouched?: string
): Promise<AdapterOffer> {
	if (bytes !== undefined && bytes > MAX_ADAPTER_BYTES) throw tooLarge(bytes);
	const small = (file: string) =>
		read(file, { most: MAX_SMALL_BYTES, tooMany: (bytes) => beyondSmall(file, bytes), signal });
	const config = await small(CONFIG_FILE);
	// PEFT's own tools write none.
	const manifestBytes = await small(MANIFEST_FILE).catch(unlessMissing);
	const { rank, baseModel } = parseAdapterConfig(config);
	const manifest = manifestBytes && parseManifest(manifestBytes);
	if (manifest && manifest.files[CONFIG_FILE] !== (await sha256Hex(config)))
		throw mismatch('The configuration is not the one that the manifest names.');
	const stated = manifest && (await adapterId(manifest.files));
	if (vouched !== undefined && stated !== undefined && stated !== vouched)
		throw mismatch('The source holds another adapter than the link names.');
	const indexBytes = manifest?.indexRoot ? await sizeOf(INDEX_FILE) : 0;
	if (indexBytes !== undefined && indexBytes > MAX_ADAPTER_BYTES) throw tooLarge(indexBytes);
	const id = vouched ?? stated;
	const weights = manifest?.files[WEIGHTS_FILE] ?? sha256;
	const files = new Map([[CONFIG_FILE, config]]);
	if (manifestBytes) files.set(MANIFEST_FILE, manifestBytes);
	return {
		source,
		...(id !== undefined && { id }),
		vouched: vouched !== undefined,
		name: manifest?.name ?? name,
		rank,
		baseName: manifest?.base.id ?? baseModel,
		manifest,
		licence: manifest?.licence ?? licence,
		bytes,
		indexBytes,
		hashes: {
			...(weights !== undefined && { weights }),
			...(manifestBytes && { manifest: await sha256Hex(manifestBytes) })
		},
		files,
		read
	};
}

function unlessMissing(error: unknown): undefined {
	if (error instanceof OpenLedgerError && error.code === 'hub/not-found') return undefined;
	throw error;
}

/**
 * Fetches the weights, and the attribution index where the manifest names one, and checks every fingerprint before anything is
 * kept. No file is read beyond what the offer says. Whether the index is this adapter's, with the root that it states, is checked where it is read.
 * @returns all files, as `importAdapter` takes them
 * @throws OpenLedgerError `hub/*`, `ipfs/*`, `adapter/too-large`, `adapter/mismatch`, `aborted`
 */
export async function fetchAdapter(
	offer: AdapterOffer,
	{ signal, onProgress }: { signal?: AbortSignal; onProgress: (progress: LoadProgress) => void }
): Promise<File[]> {
	const meter = new ProgressMeter(onProgress);
	const upTo = (bytes: number | undefined) => ({
		most: bytes ?? MAX_ADAPTER_BYTES,
		tooMany: bytes === undefined ? tooLarge : () => moreThan(bytes),
		signal
	});
	const weights = await offer.read(WEIGHTS_FILE, {
		...upTo(offer.bytes),
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
	// It may be missing: then replies are not measured until one is made here.
	const index =
		offer.indexBytes === 0
			? undefined
			: await offer.read(INDEX_FILE, upTo(offer.indexBytes)).catch(unlessMissing);
	if (index) all.set(INDEX_FILE, index);
	return [...all].map(([name, bytes]) => new File([bytes], name));
}

function mismatch(message: string): OpenLedgerError {
	return new OpenLedgerError('adapter/mismatch', message, {
		remedy: 'Nothing was kept. Ask whoever sent the link; the files may have been changed since.'
	});
}

function moreThan(bytes: number): OpenLedgerError {
	return mismatch(`The source sends more than the ${bytes} bytes that it stated.`);
}

function tooLate(): OpenLedgerError {
	return new OpenLedgerError('hub/unreachable', 'The source takes too long to answer.', {
		remedy: 'Check its address and the connection, then try again.'
	});
}

/** Of the files that describe an adapter. */
function beyondSmall(file: string, bytes: number): OpenLedgerError {
	return new OpenLedgerError('adapter/too-large', `${file} has ${bytes} bytes or more.`, {
		remedy: `That file may have ${MAX_SMALL_BYTES} bytes at most. Ask whoever made the adapter.`,
		details: { file, bytes, maxBytes: MAX_SMALL_BYTES }
	});
}

function tooLarge(bytes: number): OpenLedgerError {
	return new OpenLedgerError('adapter/too-large', `The file has ${bytes} bytes or more.`, {
		remedy: `Adapters up to ${MAX_ADAPTER_BYTES} bytes can be used here.`,
		details: { bytes, maxBytes: MAX_ADAPTER_BYTES }
	});
}
