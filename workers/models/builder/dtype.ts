import type { QuantiseOptions } from './quantise.ts';

/** As in the file names of onnx-community: model.onnx (fp32), model_fp16.onnx, model_q8.onnx, model_q4.onnx, model_q4f16.onnx. */
export const BUILD_DTYPES = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const;
export type BuildDtype = (typeof BUILD_DTYPES)[number];

/** How numbers are stored in the graph. Of the quantisations, undefined means the floating-point type. */
export interface Precision {
	/** Activations, norms, biases, scales, RoPE tables and the KV cache are F16, else F32. */
	half: boolean;
	/** The layers' matrices, but for down_proj. */
	layers: QuantiseOptions | undefined;
	down: QuantiseOptions | undefined;
	/** The token embedding and the output head. */
	table: QuantiseOptions | undefined;
}

/**
 * The 4-bit dtypes keep 8 bits where the next bits buy most and WebGPU fuses nothing: in the table, which is also the
 * output head where the two are tied, and in down_proj. On nano that saves four fifths of what four bits everywhere
 * cost in loss (docs/decisions/quantisation.md).
 */
export function precisionOf(dtype: BuildDtype, zeroPoints: boolean): Precision {
	const half = dtype === 'fp16' || dtype === 'q4f16';
	if (dtype === 'fp32' || dtype === 'fp16')
		return { half, layers: undefined, down: undefined, table: undefined };
	const eight: QuantiseOptions = { bits: 8, halfScales: half };
	const four: QuantiseOptions = { bits: 4, halfScales: half, zeroPoints };
	return { half, layers: dtype === 'q8' ? eight : four, down: eight, table: eight };
}

/** 'model_q4.onnx' */
export const modelFileName = (dtype: BuildDtype): string =>
	dtype === 'fp32' ? 'model.onnx' : `model_${dtype}.onnx`;
