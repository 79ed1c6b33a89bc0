import type { QuantiseOptions } from './quantise.ts';

/** As in the file names of onnx-community: model.onnx (fp32), model_fp16.onnx, model_q8.onnx, model_q4.onnx, model_q4f16.onnx. */
export const BUILD_DTYPES = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const;
export type BuildDtype = (typeof BUILD_DTYPES)[number];

/** How numbers are stored in the graph. */
export interface Precision {
	/** Activations, norms, biases, scales, RoPE tables and the KV cache are F16, else F32. */
	half: boolean;
	/** How the layers' matrices are stored; undefined: in the floating-point type. */
	layers: QuantiseOptions | undefined;
	/** How the token embedding and the output head are stored. */
	table: QuantiseOptions | undefined;
}

/**
 * The 4-bit dtypes keep the embedding table, which is also the output head where the two are tied, at 8 bits: that halves
 * what quantisation costs in loss for an eighth more bytes (docs/decisions/quantisation.md).
 */
export function precisionOf(dtype: BuildDtype, zeroPoints: boolean): Precision {
	const half = dtype === 'fp16' || dtype === 'q4f16';
	if (dtype === 'fp32' || dtype === 'fp16') return { half, layers: undefined, table: undefined };
	const table: QuantiseOptions = { bits: 8, halfScales: half };
	return { half, layers: { bits: dtype === 'q8' ? 8 : 4, zeroPoints, halfScales: half }, table };
}

/** 'model_q4.onnx' */
export const modelFileName = (dtype: BuildDtype): string =>
	dtype === 'fp32' ? 'model.onnx' : `model_${dtype}.onnx`;
