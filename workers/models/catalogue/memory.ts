import type { DecoderConfig } from '#workers/models/builder/config.ts';
import type { Dtype } from '#workers/models/hub/pick-files.ts';
import type { Provider } from '#workers/protocol.ts';

/** What memory depends on; lengths in elements, context in tokens. */
export type ModelShape = Pick<
	DecoderConfig,
	'hidden' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'ffn' | 'vocab' | 'context' | 'tied'
>;

/** Takes the shape out of what may be one (a manifest's `config`); undefined when it is none. */
export function shapeIn(value: unknown): ModelShape | undefined {
	const given = (value ?? {}) as Record<string, unknown>;
	const names = ['hidden', 'layers', 'heads', 'kvHeads', 'headDim', 'ffn', 'vocab', 'context'] as const;
	const isLength = (length: unknown) =>
		typeof length === 'number' && Number.isInteger(length) && length > 0 && length < 2 ** 32;
	if (!names.every((name) => isLength(given[name])) || typeof given.tied !== 'boolean') return undefined;
	const lengths = Object.fromEntries(names.map((name) => [name, Number(given[name])])) as Record<
		(typeof names)[number],
		number
	>;
	return { ...lengths, tied: given.tied };
}

/** Bytes. */
export interface MemoryEstimate {
	weights: number;
	/** Keys and values of one conversation at full length. */
	cache: number;
	/** What one step of the longest kind holds besides. */
	activations: number;
	/** onnxruntime itself: compiled code, empty heap. */
	runtime: number;
	total: number;
}

/** Where the browser does not tell (Firefox, Safari): what most phones and laptops have at least. */
export const USUAL_MEMORY = 4 * 2 ** 30;

/**
 * Bytes of float32 up to which wasm unpacks quantised weights when it loads them (three to five times faster): an eighth
 * of the device's memory, at most a quarter of what a wasm heap can hold.
 * @param memoryBytes of the device, where known
 */
export function expandLimit(memoryBytes = USUAL_MEMORY): number {
	return Math.min(2 ** 30, memoryBytes / 8);
}

/** Tokens per prefill run. */
const chunk = 128;
const MB = 1e6;

/** Elements of the layers' matrices, and of the token table (the output head is a second one unless tied). */
function elements({ hidden, layers, heads, kvHeads, headDim, ffn, vocab }: ModelShape) {
	const attention = 2 * hidden * heads * headDim + 2 * hidden * kvHeads * headDim;
	return { matrices: layers * (attention + 3 * hidden * ffn), table: vocab * hidden };
}

/**
 * Bytes of the weight files of an onnx-community export: matrices in 4 bits with a scale and half a byte of zero point
 * per block of 32, the table left in the floating-point type (checked against published listings in the test).
 */
export function weightBytes(shape: ModelShape, dtype: Dtype): number {
	const { matrices, table } = elements(shape);
	const float = isHalf(dtype) ? 2 : 4;
	const tables = shape.tied ? table : 2 * table;
	if (dtype === 'fp32' || dtype === 'fp16') return float * (matrices + tables);
	if (dtype === 'q8') return matrices + tables;
	return matrices * (0.5 + (float + 0.5) / 32) + float * tables;
}

/**
 * Memory in use while chatting with the context full. On wasm it follows measurements (nano and SmolLM2-135M's shape, in
 * docs/decisions/memory.md); on WebGPU buffers cannot be measured, so the same sum is taken without what only
 * wasm needs.
 * @param files bytes of the weight files, where known
 * @param memoryBytes of the device, where known
 */
export function estimateMemory(
	shape: ModelShape,
	options: { dtype: Dtype; provider: Provider; context?: number; files?: number; memoryBytes?: number }
): MemoryEstimate {
	const { dtype, provider, memoryBytes, context = shape.context } = options;
	const { files = weightBytes(shape, dtype) } = options;
	const { hidden, layers, heads, kvHeads, headDim, ffn, vocab } = shape;
	const float = isHalf(dtype) ? 2 : 4;
	const wasm = provider === 'wasm';
	const { matrices, table } = elements(shape);
	const expanded = wasm && dtype.startsWith('q') && 4 * matrices <= expandLimit(memoryBytes);
	// A step reads the old cache and writes a longer one.
	const cache = 2 * (2 * layers * kvHeads * headDim * context * float);
	const row = 4 * hidden + 3 * ffn + (heads + 2 * kvHeads) * headDim;
	// wasm's MatMulNBits unpacks a matrix for each product, large ones in parts (engine/serve-graph.ts).
	const unpacked = wasm && !expanded ? Math.min(8 * MB, 4 * hidden * Math.max(vocab, ffn)) : 0;
	const activations = unpacked + chunk * float * (row + heads * context) + 4 * vocab;
	const weights = expanded ? 1.3 * 4 * (matrices + table) : wasm ? 1.2 * files : files;
	const runtime = 64 * MB;
	return { weights, cache, activations, runtime, total: weights + cache + activations + runtime };
}

/** GB of device memory from which a model runs well: a page gets about half of it. */
export function memoryTier(bytes: number): number {
	return [1, 2, 4, 8, 16].find((gigabytes) => bytes <= (gigabytes * 1e9) / 2) ?? 32;
}

function isHalf(dtype: Dtype): boolean {
	return dtype === 'fp16' || dtype === 'q4f16';
}
