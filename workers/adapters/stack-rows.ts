import type { LoraSlot } from '#workers/onnx/slots.ts';
import { copyColumns, newValues, type PackedAdapter, type PackedSlot, type PackedValues } from './pack.ts';

/** The value of one graph input. */
export interface LoraInput {
	dataType: 'float32' | 'float16';
	/** A: `[rows, inFeatures, rank]`. B: `[rows, rank, outFeatures]`. */
	dims: [number, number, number];
	/** Row-major; F16 as bit patterns. May be the packed adapter's own memory: not to be written to. */
	data: PackedValues;
}

/**
 * The serve graph's A and B inputs, by name, for a batch whose rows may carry different adapters; null is the base alone.
 *
 * Each slot takes the largest rank among the rows (at least `minRank`); what a row lacks is zeros. A single row whose rank
 * suffices is passed on without a copy. WebGPU needs `minRank` 1: ONNX Runtime 1.30 fails there on empty tensors.
 */
export function stackRows(
	rows: readonly (PackedAdapter | null)[],
	slots: readonly LoraSlot[],
	{ minRank = 0 }: { minRank?: number } = {}
): Map<string, LoraInput> {
	const inputs = new Map<string, LoraInput>();
	slots.forEach((slot, s) => {
		const parts = rows.map((row) => (row ? (row.slots[s] as PackedSlot) : null));
		const rank = Math.max(minRank, ...parts.map((part) => part?.rank ?? 0));
		const { a, b } = stackSlot(parts, slot, rank);
		const { dataType, inFeatures, outFeatures } = slot;
		inputs.set(slot.a, { dataType, dims: [rows.length, inFeatures, rank], data: a });
		inputs.set(slot.b, { dataType, dims: [rows.length, rank, outFeatures], data: b });
	});
	return inputs;
}

function stackSlot(
	parts: (PackedSlot | null)[],
	slot: LoraSlot,
	rank: number
): { a: PackedValues; b: PackedValues } {
	const [first] = parts;
	if (parts.length === 1 && first?.rank === rank) return first;
	const aSize = slot.inFeatures * rank;
	const bSize = rank * slot.outFeatures;
	const a = newValues(slot, parts.length * aSize);
	const b = newValues(slot, parts.length * bSize);
	parts.forEach((part, row) => {
		if (!part?.rank) return;
		copyColumns(part.a, part.rank, a, rank, row * aSize);
		b.set(part.b, row * bSize);
	});
	return { a, b };
}
