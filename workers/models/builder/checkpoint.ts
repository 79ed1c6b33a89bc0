import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { readSafetensors } from '#workers/formats/safetensors.ts';
import { parseModelConfig, type DecoderConfig } from './config.ts';
import { checkWeights, safetensorsWeights, type DecoderWeights } from './weights.ts';

/** A Hugging Face model folder, opened: nothing but headers has been read. */
export interface Checkpoint {
	config: DecoderConfig;
	/** config.json as it stands. */
	json: Record<string, unknown>;
	weights: DecoderWeights;
	/** The weight files themselves, in the order in which they are named. */
	files: ByteSource[];
}

/** Opens a file of a folder by name; undefined where there is none. */
export type OpenFile = (name: string) => ByteSource | undefined;

/**
 * Opens config.json and model.safetensors, or the shards that model.safetensors.index.json names.
 * Throws 'config/…' or 'safetensors/malformed' unless config and weights are usable and fit each other.
 */
export function openCheckpoint(open: OpenFile): Checkpoint {
	const json = readJson(open, 'config.json');
	const config = parseModelConfig(json);
	const files = weightFiles(open);
	const weights = safetensorsWeights(files.map(readSafetensors));
	checkWeights(config, weights);
	return { config, json, weights, files };
}

function weightFiles(open: OpenFile): ByteSource[] {
	const single = open('model.safetensors');
	if (single) return [single];
	const map = readJson(open, 'model.safetensors.index.json')['weight_map'];
	const names = new Set<unknown>(typeof map === 'object' && map !== null ? Object.values(map) : []);
	if (names.size === 0) throw malformed('model.safetensors.index.json names no weight files');
	return [...names].map((name) => {
		if (typeof name !== 'string' || !/^[\w.-]+\.safetensors$/.test(name))
			throw malformed(
				'model.safetensors.index.json names a file that is no safetensors file of the same folder'
			);
		const file = open(name);
		if (!file) throw malformed(`the weight file ${name} is missing`);
		return file;
	});
}

/** Above this no JSON file of a model is honest. */
const MAX_JSON = 64 * 1024 * 1024;

function readJson(open: OpenFile, name: string): Record<string, unknown> {
	const file = open(name);
	if (!file) throw malformed(`it has no ${name}`);
	if (file.size > MAX_JSON) throw malformed(`${name} has ${file.size} bytes`);
	try {
		const json: unknown = JSON.parse(
			new TextDecoder('utf-8', { fatal: true }).decode(file.read(0, file.size))
		);
		if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
	} catch (cause) {
		throw malformed(`${name} is not JSON`, cause);
	}
	throw malformed(`${name} is not a JSON object`);
}

const malformed = (message: string, cause?: unknown) =>
	new OpenLedgerError('config/malformed', `This folder is not a usable model: ${message}.`, {
		remedy:
			'Choose the folder of a Hugging Face model with config.json, its safetensors files and tokenizer.json.',
		cause
	});
