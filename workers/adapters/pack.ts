import { OpenLedgerError } from '#workers/errors.ts';
import { f16ToF32, f32ToF16 } from '#workers/formats/half.ts';
import type { LoraAdapter, LoraModule } from './lora-adapter.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';

/** Float32 values, or F16 bit patterns where the slot computes in float16. */
export type PackedValues = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** An adapter's matrices for one slot. */
export interface PackedSlot {
	/** Sum of the ranks of the modules that the adapter changes here; 0 for none. */
	rank: number;
	/** `[inFeatures, rank]`, row-major. */
	a: PackedValues;
	/** `[rank, outFeatures]`, row-major, with the scale folded in. */
	b: PackedValues;
}

/** An adapter in the form that a serve graph takes; valid for the slots it was packed for, in their order. */
export interface PackedAdapter {
	slots: PackedSlot[];
	bytes: number;
}

/**
 * Lays an adapter out for a serve graph's slots: A transposed, the modules of a fused slot side by side along the rank,
 * B block-diagonal (each module's block in its own columns) and multiplied by the module's scale.
 *
 * Modules that no slot serves are left out; `checkFit` refuses such an adapter beforehand.
 * Throws `adapter/unsupported` where a value leaves float16's range in a float16 slot.
 */
export function packAdapter(adapter: LoraAdapter, slots: readonly LoraSlot[]): PackedAdapter {
	return withBytes(slots.map((slot) => packSlot(adapter, slot)));
}

function packSlot({ modules }: LoraAdapter, slot: LoraSlot): PackedSlot {
	const present = slot.parts.flatMap(({ path, offset }) => {
		const module = modules.get(path);
		return module ? [{ module, offset }] : [];
	});
	const rank = present.reduce((sum, { module }) => sum + module.rank, 0);
	const a = new Float32Array(slot.inFeatures * rank);
	const b = new Float32Array(rank * slot.outFeatures);
	let row = 0;
	for (const { module, offset } of present) {
		transposeA(module, a, rank, row);
		transposeB(module, b, slot.outFeatures, row, offset);
		row += module.rank;
	}
	if (slot.dataType === 'float32') return { rank, a, b };
	return { rank, a: toF16(a, slot), b: toF16(b, slot) };
}

/** `out[i, row + k] = a[k, i]`, `out` of `stride` columns. */
function transposeA(
	{ a, rank, inFeatures }: LoraModule,
	out: Float32Array,
	stride: number,
	row: number
): void {
	for (let i = 0; i < inFeatures; i++) {
		const start = i * stride + row;
		for (let k = 0; k < rank; k++) out[start + k] = a[k * inFeatures + i] as number;
	}
}

/** `out[row + k, offset + j] = scale · b[j, k]`, `out` of `stride` columns. */
function transposeB(
	module: LoraModule,
	out: Float32Array,
	stride: number,
	row: number,
	offset: number
): void {
	const { b, rank, outFeatures, scale } = module;
	for (let k = 0; k < rank; k++) {
		const start = (row + k) * stride + offset;
		for (let j = 0; j < outFeatures; j++) out[start + j] = scale * (b[j * rank + k] as number);
	}
}

/**
 * One adapter that acts as the sum of several, each times its weight: matrices joined along the rank, B times the weight.
 *
 * Exact but for rounding; the rank (and the cost) is the sum of the ranks. Throws a RangeError for a weight that is not finite.
 */
export function blend(
	parts: readonly { adapter: PackedAdapter; weight: number }[],
	slots: readonly LoraSlot[]
): PackedAdapter {
	for (const { weight } of parts)
		if (!Number.isFinite(weight)) throw new RangeError(`a blend weight is ${weight}`);
	return withBytes(
		slots.map((slot, s) => {
			const joined = parts.map(({ adapter, weight }) => ({ weight, ...(adapter.slots[s] as PackedSlot) }));
			const rank = joined.reduce((sum, part) => sum + part.rank, 0);
			const a = newValues(slot, slot.inFeatures * rank);
			const b = newValues(slot, rank * slot.outFeatures);
			let row = 0;
			for (const part of joined) {
				copyColumns(part.a, part.rank, a, rank, row);
				b.set(weighted(part.b, part.weight, slot), row * slot.outFeatures);
				row += part.rank;
			}
			return { rank, a, b };
		})
	);
}

function weighted(b: PackedValues, weight: number, slot: LoraSlot): PackedValues {
	if (weight === 1) return b;
	const product = new Float32Array(b.length);
	if (b instanceof Uint16Array) f16ToF32(b, product);
	else product.set(b);
	for (let i = 0; i < product.length; i++) product[i] = (product[i] as number) * weight;
	return b instanceof Uint16Array ? toF16(product, slot) : product;
}

/** Copies a row-major matrix of `columns` columns into columns `offset…` of one with `stride` columns. */
export function copyColumns(
	from: PackedValues,
	columns: number,
	to: PackedValues,
	stride: number,
	offset: number
): void {
	for (let at = 0, start = offset; at < from.length; at += columns, start += stride)
		for (let k = 0; k < columns; k++) to[start + k] = from[at + k] as number;
}

export function newValues(slot: LoraSlot, length: number): PackedValues {
	return slot.dataType === 'float32' ? new Float32Array(length) : new Uint16Array(length);
}

function toF16(values: Float32Array, slot: LoraSlot): Uint16Array<ArrayBuffer> {
	const half = new Uint16Array(values.length);
	f32ToF16(values, half);
	let i = 0;
	while (i < half.length && ((half[i] as number) & 0x7fff) !== 0x7c00) i++;
	if (i < half.length) throw beyondF16(slot);
	return half;
}

function beyondF16({ name }: LoraSlot): OpenLedgerError {
	return new OpenLedgerError(
		'adapter/unsupported',
		`This adapter has values at ${name} too large for float16.`,
		{
			remedy: 'Use this base model in a precision without f16.',
			details: { slot: name }
		}
	);
}

function withBytes(slots: PackedSlot[]): PackedAdapter {
	return { slots, bytes: slots.reduce((sum, { a, b }) => sum + a.byteLength + b.byteLength, 0) };
}
