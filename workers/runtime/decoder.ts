import { OpenLedgerError } from '#workers/errors.ts';
import type { CandidateRequest, Candidates } from './candidates.ts';
import type { DataType } from '#workers/onnx/types.ts';
import type { ValueDescription } from './ort-session.ts';
import { STEP_INPUTS } from './step-inputs.ts';

/** What a decoder graph's inputs and outputs say about it (onnx-community layout). */
export interface DecoderShape {
	layers: number;
	/** Key/value heads per layer. */
	kvHeads: number;
	headDim: number;
	/** Element type of the key/value cache. */
	kvType: DataType;
	vocabSize: number;
	/** Inputs of the LoRA branches, in the graph's order: A [adapter_batch, in, rank] and B [adapter_batch, rank, out]. */
	adapterInputs: readonly ValueDescription[];
}

/** Keys and values of one or more sequences, on the device. */
export interface KvState {
	/** Tokens held, per sequence. */
	readonly lengths: readonly number[];
	readonly byteLength: number;
	dispose(): void;
}

/** An adapter's A and B on the device, ready to be fed. */
export interface DeviceAdapter {
	readonly byteLength: number;
	dispose(): void;
}

/** Adapter weights as packed for a graph, by input name; float16 as bit patterns. */
export type AdapterArrays = ReadonlyMap<
	string,
	{ dataType: 'float32' | 'float16'; data: ArrayBufferView; dims: readonly number[] }
>;

/** The logits of one run. Valid until the decoder runs again. */
export interface Logits {
	/** The most likely tokens at the last position, one list for each row. */
	candidates(requests: readonly CandidateRequest[]): Promise<Candidates[]>;
	/** The last position's logits of one sequence, [vocabSize] float32. On a GPU this reads them all back. */
	last(row: number): Promise<Float32Array>;
	/** Logits of every position of one sequence: [positions × vocabSize]. Only of a run that asked for `all`. */
	all(row: number): Promise<Float32Array>;
}

export interface RunOptions {
	/** Adapter of each row; undefined entries are the base model. Leave out for the base model throughout. */
	adapters?: readonly (DeviceAdapter | undefined)[];
	/** `last`: the last position's only (default); `all`: of every token given; `none` for all but the last prefill chunk. */
	logits?: 'last' | 'all' | 'none';
}

/**
 * A decoder model on a device. Pure mechanism: tokens in, logits out, caches kept. One run at a time.
 */
export interface Decoder {
	readonly shape: DecoderShape;
	/** True where sequences of different length can run as rows of one batch. */
	readonly batches: boolean;
	/** An empty cache of one sequence. */
	createState(): KvState;
	/** Appends `tokens[row]` to each row (all rows equally many) and returns their logits. On failure the state is as before. */
	run(state: KvState, tokens: readonly (readonly number[])[], options?: RunOptions): Promise<Logits>;
	/** Forgets all but the first `length` tokens of a one-row state. */
	crop(state: KvState, length: number): void;
	/** One state with the rows of several. The given ones stay as they are. */
	join(states: readonly KvState[]): KvState;
	/** Row `row` of a state as a state of its own. The given one stays as it is. */
	split(state: KvState, row: number): KvState;
	/** Copies an adapter to the device. */
	upload(adapter: AdapterArrays): DeviceAdapter;
	dispose(): Promise<void>;
}

const KEY = /^past_key_values\.(\d+)\.key$/;

/** @throws OpenLedgerError `onnx/unsupported` where the graph is not a decoder in the onnx-community layout */
export function readShape(
	inputs: ReadonlyMap<string, ValueDescription>,
	outputs: ReadonlyMap<string, ValueDescription>
): DecoderShape {
	const keys = [...inputs.values()].filter(({ name }) => KEY.test(name));
	const [, kvHeads, , headDim] = keys[0]?.dims ?? [];
	const vocabSize = outputs.get('logits')?.dims.at(-1);
	const kvType = keys[0]?.type;
	const known = new Set<string>(STEP_INPUTS);
	for (const layer of keys.keys())
		for (const part of ['key', 'value'] as const) {
			if (!inputs.has(pastName(layer, part)) || !outputs.has(presentName(layer, part)))
				throw notADecoder(`layer ${layer} has no ${part} cache`);
			known.add(pastName(layer, part));
		}
	if (!inputs.has('input_ids')) throw notADecoder('no input_ids');
	if (!inputs.has('attention_mask') && !inputs.has('seqlens_k')) throw notADecoder('no attention mask');
	if (typeof kvHeads !== 'number' || typeof headDim !== 'number' || !kvType)
		throw notADecoder('the key/value cache has no fixed head count and size');
	if (typeof vocabSize !== 'number') throw notADecoder('the logits have no fixed vocabulary');
	return {
		layers: keys.length,
		kvHeads,
		headDim,
		kvType,
		vocabSize,
		adapterInputs: [...inputs.values()].filter(({ name }) => !known.has(name))
	};
}

type CachePart = 'key' | 'value';
export const pastName = (layer: number, part: CachePart): string => `past_key_values.${layer}.${part}`;
export const presentName = (layer: number, part: CachePart): string => `present.${layer}.${part}`;

/** [past, present] names of every cache tensor: layer by layer, key before value. */
export function cacheNames(layers: number): [past: string, present: string][] {
	return Array.from({ length: layers }, (_, layer) =>
		(['key', 'value'] as const).map((part): [string, string] => [
			pastName(layer, part),
			presentName(layer, part)
		])
	).flat();
}

function notADecoder(what: string): OpenLedgerError {
	return new OpenLedgerError('onnx/unsupported', `This model cannot generate text here: ${what}.`, {
		remedy: 'Choose a decoder model in the onnx-community layout (text-generation, with key/value cache).'
	});
}
