import type { Dtype } from '#workers/models/hub/pick-files.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ModelEntry, Provider } from '#workers/protocol.ts';
import { estimateMemory, memoryTier, USUAL_MEMORY, type ModelShape } from './memory.ts';

/** What the choice of a model depends on. */
export interface DeviceFacts {
	provider: Provider;
	shaderF16: boolean;
	/** `navigator.deviceMemory` in bytes, where told. */
	memoryBytes?: number;
	/** A phone or tablet: a page that takes more than its part of the memory is ended without a word. */
	handheld?: boolean;
}

/** A model in one precision, as far as it is known. */
export interface ModelFacts {
	name: string;
	summary: string;
	source: ModelEntry['source'];
	dtype: Dtype;
	licence?: string;
	parameters?: number;
	examples?: string[];
	shape?: ModelShape;
	/** Bytes of all files. */
	downloadBytes?: number;
}

/** Tokens of context that the engine keeps by default: larger ones cost memory that nobody uses. */
export const usualContext = 4096;
/** A 32-bit wasm heap, less what the runtime and a growing heap need. */
const wasmLimit = 3.8e9;

/** What the page shows of a model on this device. */
export function modelEntry(
	id: string,
	facts: ModelFacts,
	stored: ModelEntry['stored'],
	device: DeviceFacts
): ModelEntry {
	const { shape, dtype, downloadBytes } = facts;
	const features: ModelEntry['features'] = dtype === 'q4f16' || dtype === 'fp16' ? ['shader-f16'] : [];
	const context = shape && Math.min(shape.context, usualContext);
	const memory =
		shape &&
		estimateMemory(shape, {
			dtype,
			provider: device.provider,
			context,
			files: downloadBytes,
			memoryBytes: device.memoryBytes
		}).total;
	return {
		id,
		name: facts.name,
		summary: facts.summary,
		source: facts.source,
		parameters: facts.parameters,
		dtype,
		downloadBytes,
		memoryBytes: memory,
		memoryTier: memory === undefined ? undefined : memoryTier(memory),
		contextLength: shape?.context,
		licence: facts.licence,
		examples: facts.examples,
		features,
		stored,
		warning: warning(memory, features, device)
	};
}

function warning(
	memory: number | undefined,
	features: ModelEntry['features'],
	device: DeviceFacts
): string | undefined {
	const { provider, shaderF16 } = device;
	const memoryBytes = memoryOf(device);
	if (features.length > 0 && provider === 'webgpu' && !shaderF16)
		return 'This device’s graphics card cannot compute with 16-bit numbers; choose the q4 file.';
	if (features.length > 0 && provider === 'wasm')
		return 'Without a graphics card 16-bit models are slow; choose the q4 file.';
	if (memory === undefined) return undefined;
	const needs = `It needs about ${gigabytes(memory)} of memory`;
	if (provider === 'wasm' && memory > wasmLimit)
		return `${needs}; without a graphics card a page can use 4 GB.`;
	if (memoryBytes === undefined || memory <= memoryBytes / 2) return undefined;
	const has = `this device has ${gigabytes(memoryBytes)}`;
	return memory > memoryBytes ? `${needs}; ${has}.` : `${needs}; ${has}, of which a page gets about half.`;
}

/** Bytes of the device's memory: as told, else what phones have at least; nothing is assumed of a desktop, which can use its disk. */
function memoryOf({
	memoryBytes,
	handheld
}: Pick<DeviceFacts, 'memoryBytes' | 'handheld'>): number | undefined {
	return memoryBytes ?? (handheld ? USUAL_MEMORY : undefined);
}

/** Whether models of these estimates can be in memory at once: within what a page gets of the device, and one wasm heap. */
export function fitTogether(
	estimates: readonly (number | undefined)[],
	{ memoryBytes = USUAL_MEMORY }: DeviceFacts
): boolean {
	const total = estimates.reduce<number>((sum, bytes) => sum + (bytes ?? Infinity), 0);
	return total <= Math.min(memoryBytes / 2, wasmLimit);
}

/**
 * Refuses what cannot run here before a byte is fetched: more than the device has, than a wasm heap can hold or, on a phone, than a page
 * gets. Desktops have room on the disk for the rest; on a phone the page would be gone in the middle of a reply.
 * @throws OpenLedgerError `device/out-of-memory`
 */
export function requireMemory(
	{ name, memoryBytes: needed }: ModelEntry,
	device: Omit<DeviceFacts, 'shaderF16'>
): void {
	if (needed === undefined) return;
	const { provider, handheld } = device;
	const memoryBytes = memoryOf(device) ?? Infinity;
	const limit = Math.min(
		provider === 'wasm' ? wasmLimit : Infinity,
		handheld ? memoryBytes / 2 : memoryBytes
	);
	if (needed <= limit) return;
	throw new OpenLedgerError(
		'device/out-of-memory',
		`${name} needs about ${gigabytes(needed)} of memory; here it could have ${gigabytes(limit)}.`,
		{
			remedy: 'Choose a smaller model, or the same in a smaller precision.',
			details: { needed, limit, provider }
		}
	);
}

/** In words for a person: `2.1 GB`, `300 MB`. */
function gigabytes(bytes: number): string {
	return bytes < 1e9 ? `${Math.round(bytes / 1e7) * 10} MB` : `${Number((bytes / 1e9).toFixed(1))} GB`;
}
