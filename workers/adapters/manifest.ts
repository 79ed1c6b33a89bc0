import { OpenLedgerError } from '#workers/errors.ts';
import { isJsonObject, parseStrictJson } from '#workers/formats/strict-json.ts';
import { CONFIG_FILE, WEIGHTS_FILE } from './lora-adapter.ts';

const FORMAT = 'openledger-adapter/1';
const MAX_MANIFEST_BYTES = 1 << 20;

/** What an adapter says of its origin: base, data, training, quality. Stored beside PEFT's files; optional for adapters from elsewhere. */
export interface AdapterManifest {
	format: typeof FORMAT;
	name: string;
	/** One sentence: what it is good for. */
	description?: string;
	author?: string;
	/** Questions that show what it is good at. */
	examples?: string[];
	licence?: string;
	base: {
		/** Name of the base: `openledger/nano`. */
		id: string;
		/** SHA-256 (hex) of each file whose weights it is known to fit: the ONNX file it was made over, other precisions of the same. */
		sha256: string[];
	};
	/** SHA-256 (hex) of PEFT's two files. Both decide what the adapter computes. */
	files: Record<typeof CONFIG_FILE | typeof WEIGHTS_FILE, string>;
	/** What it was trained on. */
	datanets: {
		name: string;
		/** Contributions used. */
		rows: number;
		licence?: string;
		/** SHA-256 (hex) of the file of rows, where there is one. */
		sha256?: string;
		/** Merkle root of the Datanet's version (0x…), once published. */
		root?: string;
		/** The Datanet's id where it was made. */
		id?: string;
		/** Ids of the contributions used, ascending; absent beyond 10,000. */
		rowIds?: string[];
		/** SHA-256 (hex) of those ids, each behind a line feed: the same rows, the same hash. */
		rowsSha256?: string;
	}[];
	/** As the trainer names them. */
	hyperparameters: Record<string, string | number | boolean>;
	evaluation?: {
		/** What the losses are, in words and units. */
		metric: string;
		/** Rows, and their tokens, that training never saw. */
		heldOutRows: number;
		heldOutTokens: number;
		lossBefore: number;
		lossAfter: number;
	};
	/** What, with base, rows and hyperparameters, gives the same weights again on the wasm kernels, bit by bit. */
	training?: {
		seed: number;
		/** Optimiser steps planned, and those after which the weights were taken. */
		steps: number;
		bestStep: number;
		provider: string;
		/** Versions of what computed it. */
		engine: string;
	};
	/** Adapters that this one goes on from, the nearest first. */
	lineage?: {
		/** Its id (adapter-id.ts). */
		sha256: string;
		/** SHA-256 (hex) of its weights, by which a chain knows it. */
		weights?: string;
		name: string;
		datanets: { name: string; rows: number; root?: string }[];
	}[];
	/** Root of the attribution index (0x…), where one was made. */
	indexRoot?: string;
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string' && value.length > 0 && value.length <= 2000;
/** Without what ends a line, and signs that turn the direction of what stands after them. */
export const inLine = (text: string): string => text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '');
/** As long as a line may be. */
const isLine: Check = (value) =>
	isText(value) && (value as string).length <= 200 && inLine(value as string) === value;
const isSha256: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isRoot: Check = (value) => typeof value === 'string' && /^0x[0-9a-f]{64}$/.test(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => Number.isFinite(value);
/** Whatever its units: no line of zeros. */
const isLoss: Check = (value) => isNumber(value) && Math.abs(value as number) < 1e9;
const isSetting: Check = (value) => isText(value) || isNumber(value) || typeof value === 'boolean';
const optional =
	(check: Check): Check =>
	(value) =>
		value === undefined || check(value);
const listOf =
	(check: Check, { least = 0 } = {}): Check =>
	(value) =>
		Array.isArray(value) && value.length >= least && value.length <= 10_000 && value.every(check);
const record =
	(fields: Record<string, Check>): Check =>
	(value) =>
		isJsonObject(value) && Object.entries(fields).every(([field, check]) => check(value[field]));

const FIELDS: Record<keyof AdapterManifest, Check> = {
	format: (value) => value === FORMAT,
	name: isLine,
	description: optional(isText),
	author: optional(isLine),
	examples: optional(listOf(isText)),
	licence: optional(isLine),
	base: record({ id: isText, sha256: listOf(isSha256, { least: 1 }) }),
	files: record({ [CONFIG_FILE]: isSha256, [WEIGHTS_FILE]: isSha256 }),
	datanets: listOf(
		record({
			name: isText,
			rows: isCount,
			licence: optional(isText),
			sha256: optional(isSha256),
			root: optional(isRoot),
			id: optional(isText),
			rowIds: optional(listOf(isText)),
			rowsSha256: optional(isSha256)
		})
	),
	hyperparameters: (value) => isJsonObject(value) && Object.values(value).every(isSetting),
	evaluation: optional(
		record({
			metric: isText,
			heldOutRows: isCount,
			heldOutTokens: isCount,
			lossBefore: isLoss,
			lossAfter: isLoss
		})
	),
	training: optional(
		record({ seed: isCount, steps: isCount, bestStep: isCount, provider: isText, engine: isText })
	),
	lineage: optional(
		listOf(
			record({
				sha256: isSha256,
				weights: optional(isSha256),
				name: isText,
				datanets: listOf(record({ name: isText, rows: isCount, root: optional(isRoot) }))
			})
		)
	),
	indexRoot: optional(isRoot)
};

/** Reads openledger.json. Fields it does not know are kept. Throws `adapter/malformed` with the field that is wrong. */
export function parseManifest(json: string | Uint8Array): AdapterManifest {
	if (json.length > MAX_MANIFEST_BYTES) throw malformed(`it is larger than ${MAX_MANIFEST_BYTES} bytes`);
	let manifest: unknown;
	try {
		manifest = parseStrictJson(json, { maxDepth: 8 });
	} catch (cause) {
		throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
	}
	if (!isJsonObject(manifest)) throw malformed('it is not a JSON object');
	for (const [field, check] of Object.entries(FIELDS))
		if (!check(manifest[field])) throw malformed(`its field "${field}" is missing or wrong`);
	return manifest as unknown as AdapterManifest;
}

/** Writes openledger.json. */
export function formatManifest(manifest: AdapterManifest): string {
	return JSON.stringify(manifest, null, '\t') + '\n';
}

/**
 * Checks that an adapter was made for a base, known by the SHA-256 of its files (the ONNX file, and the weights it was
 * built from where known).
 *
 * Throws `adapter/wrong-base`.
 */
export function checkBase(manifest: AdapterManifest, base: { id: string; hashes: readonly string[] }): void {
	const { id, sha256 } = manifest.base;
	if (sha256.some((hash) => base.hashes.includes(hash))) return;
	throw new OpenLedgerError(
		'adapter/wrong-base',
		`${manifest.name} was made for ${JSON.stringify(id)}, not for the weights of ${JSON.stringify(base.id)}.`,
		{ remedy: 'Load the base model it was made for.', details: { madeFor: id, base: base.id } }
	);
}

function malformed(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError(
		'adapter/malformed',
		`This adapter's openledger.json cannot be used: ${reason}.`,
		{
			remedy: 'Get the adapter again from its source, or import it without the manifest.',
			cause
		}
	);
}
