import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { readSafetensors, readTensorF32, type SafetensorsFile } from '#workers/formats/safetensors.ts';
import { PEFT_PREFIX, type LoraAdapter, type LoraModule } from './lora-adapter.ts';
import type { LoraConfig } from './lora-config.ts';
import { moduleSettings, type ModuleSettings } from './module-settings.ts';

/** Largest adapter taken by default, in bytes of float32 values: rank 64 on every linear of a 1 B model needs 180 MB. */
export const MAX_ADAPTER_BYTES = 512 * 2 ** 20;

const TENSOR_NAME = /^(\w+(?:\.\w+)*)\.lora_([AB])\.weight$/;
const MAX_PATH_LENGTH = 300;

/**
 * Reads the weights of an adapter (adapter_model.safetensors: F32, F16 or BF16) under its configuration.
 *
 * Throws `safetensors/malformed`; `adapter/malformed` for tensors that are missing, left over, of the wrong shape, not
 * finite or outside the configuration's targets; `adapter/unsupported` for tensors of other methods; `adapter/too-large`.
 */
export function readAdapter(
	config: LoraConfig,
	weights: ByteSource,
	{ maxBytes = MAX_ADAPTER_BYTES }: { maxBytes?: number } = {}
): LoraAdapter {
	const file = readSafetensors(weights);
	const pairs = pairTensors(file);
	const bytes = [...file.tensors.values()].reduce(
		(sum, { shape }) => sum + shape.reduce((n, size) => n * size, 4),
		0
	);
	if (bytes > maxBytes)
		throw new OpenLedgerError(
			'adapter/too-large',
			`This adapter needs ${bytes} bytes, more than ${maxBytes}.`,
			{
				remedy: 'Use an adapter of a lower rank or with fewer target modules.',
				details: { bytes, maxBytes }
			}
		);
	const settings = moduleSettings(config, pairs.keys());
	const modules = new Map<string, LoraModule>();
	for (const [path, names] of pairs) {
		const { targeted, ...rest } = settings.get(path) as ModuleSettings;
		if (!targeted)
			throw malformed(`holds weights for ${path}, which its configuration does not target`, { module: path });
		modules.set(path, readModule(file, path, names, rest));
	}
	return { config, modules };
}

interface TensorPair {
	A?: string;
	B?: string;
}

/** Names of each module's two tensors; in the file's order. */
function pairTensors(file: SafetensorsFile): Map<string, Required<TensorPair>> {
	const pairs = new Map<string, TensorPair>();
	for (const name of file.tensors.keys()) {
		const match = TENSOR_NAME.exec(name.startsWith(PEFT_PREFIX) ? name.slice(PEFT_PREFIX.length) : name);
		const [, path, side] = match ?? [];
		if (!path || path.length > MAX_PATH_LENGTH) throw foreignTensor(name);
		const pair = pairs.get(path) ?? {};
		if (pair[side as 'A' | 'B'])
			throw malformed(`holds two tensors lora_${side} for ${path}`, { module: path });
		pairs.set(path, { ...pair, [side as 'A' | 'B']: name });
	}
	if (pairs.size === 0) throw malformed('holds no tensors');
	for (const [path, { A, B }] of pairs) {
		if (!A || !B) throw malformed(`lacks the tensor ${path}.lora_${A ? 'B' : 'A'}.weight`, { module: path });
	}
	return pairs as Map<string, Required<TensorPair>>;
}

function readModule(
	file: SafetensorsFile,
	path: string,
	names: Required<TensorPair>,
	{ rank, scale }: { rank: number; scale: number }
): LoraModule {
	const [aShape, bShape] = [file.tensors.get(names.A)?.shape ?? [], file.tensors.get(names.B)?.shape ?? []];
	const [aRank, inFeatures = 0] = aShape;
	const [outFeatures = 0, bRank] = bShape;
	const fits = aShape.length === 2 && bShape.length === 2 && aRank === rank && bRank === rank;
	if (!fits || inFeatures === 0 || outFeatures === 0)
		throw malformed(
			`has shapes [${show(aShape)}] and [${show(bShape)}] at ${path}, where rank ${rank} needs [${rank}, in] and [out, ${rank}]`,
			{ module: path }
		);
	const [a, b] = [readTensorF32(file, names.A), readTensorF32(file, names.B)];
	if (!isFinite(a) || !isFinite(b))
		throw malformed(`holds values that are not finite at ${path}`, { module: path });
	return { a, b, rank, inFeatures, outFeatures, scale };
}

/** By the exponent bits: ten times as fast as asking `Number.isFinite` of each value. */
function isFinite(values: Float32Array): boolean {
	const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
	let i = 0;
	while (i < bits.length && ((bits[i] as number) & 0x7f800000) !== 0x7f800000) i++;
	return i === bits.length;
}

function show(shape: number[]): string {
	return shape.slice(0, 6).join(', ');
}

function foreignTensor(name: string): OpenLedgerError {
	const shown = JSON.stringify(name.slice(0, 120));
	const reason = name.includes('lora_magnitude_vector')
		? 'is trained with DoRA, which also rescales the base weights'
		: name.includes('lora_embedding_')
			? 'changes the token embeddings'
			: undefined;
	if (!reason)
		return malformed(`holds the tensor ${shown}, which is no part of a LoRA adapter`, { tensor: shown });
	return new OpenLedgerError('adapter/unsupported', `This adapter ${reason} (tensor ${shown}).`, {
		remedy: 'Use a LoRA adapter of linear layers.',
		details: { tensor: shown }
	});
}

function malformed(reason: string, details: Record<string, string> = {}): OpenLedgerError {
	return new OpenLedgerError('adapter/malformed', `This adapter ${reason}.`, {
		remedy: 'Export the adapter again with PEFT (save_pretrained), or get it again from its source.',
		details
	});
}
