import { f16ToF32, f32ToF16 } from '#workers/formats/half.ts';

/** Values that share one scale, along a row. */
export const BLOCK = 32;

export interface QuantiseOptions {
	bits: 4 | 8;
	/** A zero point per block instead of the fixed middle (8 or 128): for blocks that are not centred on zero. */
	zeroPoints?: boolean;
	/** Round each scale to F16 before the values are rounded to it. */
	halfScales?: boolean;
}

/**
 * A weight matrix [rows, columns] in the blocks of com.microsoft's MatMulNBits: value = (code − zero point) · scale.
 * A row whose length is no multiple of 32 ends in a block filled up with zeros.
 */
export interface QuantisedMatrix {
	bits: 4 | 8;
	rows: number;
	columns: number;
	/** Blocks in a row. */
	blocks: number;
	/** [rows, blocks, 32·bits/8]; of two 4-bit codes in a byte the low half comes first. */
	codes: Uint8Array<ArrayBuffer>;
	/** [rows, blocks] */
	scales: Float32Array<ArrayBuffer>;
	/** [rows, ceil(blocks·bits/8)], packed like the codes. */
	zeroPoints: Uint8Array<ArrayBuffer> | undefined;
}

/** Adding and subtracting 1.5·2^52 rounds a float64 to the nearest integer, several times faster than Math.round. */
const ROUND = 1.5 * 2 ** 52;

/**
 * Scales to try for a block, as multiples of the one that just represents its largest value: above 1 the largest code is
 * left out, below 1 the largest values are cut off to make the steps of the others finer (docs/decisions/quantisation.md).
 */
const CANDIDATES = { 4: [1.2, 1.14, 1.08, 1.04, 1, 0.95, 0.9, 0.84, 0.77], 8: [1.004, 1, 0.996] };

/** An empty matrix of that shape, to be filled by `quantiseRows`. */
export function quantisedMatrix(rows: number, columns: number, options: QuantiseOptions): QuantisedMatrix {
	const { bits } = options;
	const blocks = Math.ceil(columns / BLOCK);
	return {
		bits,
		rows,
		columns,
		blocks,
		codes: new Uint8Array((rows * blocks * BLOCK * bits) / 8),
		scales: new Float32Array(rows * blocks),
		zeroPoints: options.zeroPoints ? new Uint8Array(rows * Math.ceil((blocks * bits) / 8)) : undefined
	};
}

/** Quantises `values` (whole rows, row-major float32) into the rows of `matrix` from `firstRow` on. */
export function quantiseRows(
	matrix: QuantisedMatrix,
	firstRow: number,
	values: Float32Array,
	options: QuantiseOptions
): void {
	const { bits, columns, blocks, codes, scales, zeroPoints } = matrix;
	const block = new Float32Array(BLOCK);
	const blockCodes = new Uint8Array(BLOCK);
	const blockBytes = (BLOCK * bits) / 8;
	for (let i = 0; i < values.length / columns; i++) {
		const row = firstRow + i;
		for (let b = 0; b < blocks; b++) {
			block.fill(0);
			block.set(values.subarray(i * columns + b * BLOCK, i * columns + Math.min((b + 1) * BLOCK, columns)));
			const { scale, zero } = quantiseBlock(block, blockCodes, options);
			const index = row * blocks + b;
			scales[index] = scale;
			pack(codes, index * blockBytes, blockCodes, bits);
			if (zeroPoints) setCode(zeroPoints, row * Math.ceil((blocks * bits) / 8), b, zero, bits);
		}
	}
}

/** `quantiseRows` of a whole matrix at once. */
export function quantise(
	values: Float32Array,
	rows: number,
	columns: number,
	options: QuantiseOptions
): QuantisedMatrix {
	const matrix = quantisedMatrix(rows, columns, options);
	quantiseRows(matrix, 0, values, options);
	return matrix;
}

/** The float32 values [rows, columns] that the codes stand for. */
export function dequantise(matrix: QuantisedMatrix): Float32Array<ArrayBuffer> {
	const { bits, rows, columns, blocks, codes, scales, zeroPoints } = matrix;
	const values = new Float32Array(rows * columns);
	const zeroStride = Math.ceil((blocks * bits) / 8);
	for (let row = 0; row < rows; row++)
		for (let column = 0; column < columns; column++) {
			const b = Math.floor(column / BLOCK);
			const zero = zeroPoints ? getCode(zeroPoints, row * zeroStride, b, bits) : 2 ** (bits - 1);
			const code = getCode(codes, (row * blocks * BLOCK * bits) / 8, column, bits);
			values[row * columns + column] = (code - zero) * (scales[row * blocks + b] as number);
		}
	return values;
}

/**
 * Chooses one block's scale and zero point and writes its codes. Each candidate scale is only used to round; given the
 * rounded levels q, the best scale is the least-squares one, Σvq/Σq², and leaves the error Σv² − (Σvq)²/Σq².
 */
function quantiseBlock(block: Float32Array, codes: Uint8Array, options: QuantiseOptions) {
	const { bits } = options;
	const steps = 2 ** bits - 1;
	const half = 2 ** (bits - 1);
	let low = 0;
	let high = 0;
	for (let i = 0; i < BLOCK; i++) {
		const value = block[i] as number;
		if (value < low) low = value;
		if (value > high) high = value;
	}
	let bestGain = 0;
	let scale = 0;
	let zero = half;
	const consider = (candidate: number, candidateZero: number) => {
		const inverse = 1 / candidate;
		const least = -candidateZero;
		const most = steps - candidateZero;
		let product = 0;
		let square = 0;
		for (let i = 0; i < BLOCK; i++) {
			const value = block[i] as number;
			let level = value * inverse + ROUND - ROUND;
			if (level < least) level = least;
			else if (level > most) level = most;
			product += value * level;
			square += level * level;
		}
		const gain = square > 0 ? (product * product) / square : 0;
		if (!(gain > bestGain)) return;
		bestGain = gain;
		scale = product / square;
		zero = candidateZero;
	};
	if (low < 0 || high > 0)
		for (const multiple of CANDIDATES[bits]) {
			if (options.zeroPoints) {
				const candidate = (multiple * (high - low)) / steps;
				const middle = Math.round((-multiple * low) / candidate);
				consider(candidate, Math.min(Math.max(middle, 0), steps));
			} else {
				// Codes reach one step further below the zero point than above it, and the largest value needs that step most:
				// where it is positive, a negative scale turns the codes around.
				const candidate = (multiple * Math.max(high, -low)) / half;
				consider(high > -low ? -candidate : candidate, half);
			}
		}
	scale = options.halfScales ? roundToHalf(scale) : Math.fround(scale);
	for (let i = 0; i < BLOCK; i++) {
		const level = scale === 0 ? 0 : Math.round((block[i] as number) / scale);
		codes[i] = Math.min(Math.max(level + zero, 0), steps);
	}
	return { scale, zero };
}

const halfBuffer = { f32: new Float32Array(1), f16: new Uint16Array(1) };
function roundToHalf(value: number): number {
	halfBuffer.f32[0] = value;
	return f16ToF32(f32ToF16(halfBuffer.f32, halfBuffer.f16), halfBuffer.f32)[0] as number;
}

function pack(bytes: Uint8Array, offset: number, codes: Uint8Array, bits: number): void {
	if (bits === 8) bytes.set(codes, offset);
	else
		for (let i = 0; i < codes.length; i += 2)
			bytes[offset + i / 2] = (codes[i] as number) | ((codes[i + 1] as number) << 4);
}

function setCode(bytes: Uint8Array, offset: number, index: number, code: number, bits: number): void {
	if (bits === 8) bytes[offset + index] = code;
	else {
		const at = offset + (index >> 1);
		bytes[at] = (bytes[at] as number) | (code << (4 * (index & 1)));
	}
}

function getCode(bytes: Uint8Array, offset: number, index: number, bits: number): number {
	if (bits === 8) return bytes[offset + index] as number;
	return ((bytes[offset + (index >> 1)] as number) >> (4 * (index & 1))) & 15;
}
