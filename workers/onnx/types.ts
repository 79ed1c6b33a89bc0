/**
 * ONNX element types with their TensorProto.DataType number (onnx.proto3) and width in bits.
 * Types narrower than a byte are packed, little end first; a string has no fixed width.
 */
const TYPES = {
	float32: [1, 32],
	uint8: [2, 8],
	int8: [3, 8],
	uint16: [4, 16],
	int16: [5, 16],
	int32: [6, 32],
	int64: [7, 64],
	string: [8, 0],
	bool: [9, 8],
	float16: [10, 16],
	float64: [11, 64],
	uint32: [12, 32],
	uint64: [13, 64],
	complex64: [14, 64],
	complex128: [15, 128],
	bfloat16: [16, 16],
	float8e4m3fn: [17, 8],
	float8e4m3fnuz: [18, 8],
	float8e5m2: [19, 8],
	float8e5m2fnuz: [20, 8],
	uint4: [21, 4],
	int4: [22, 4],
	float4e2m1: [23, 4],
	float8e8m0: [24, 8],
	uint2: [25, 2],
	int2: [26, 2]
} as const;

export type DataType = keyof typeof TYPES;

const BY_NUMBER = new Map<number, DataType>(
	Object.entries(TYPES).map(([name, [number]]) => [number, name as DataType])
);

/** TensorProto.DataType number of a type: what Cast's `to` attribute wants. */
export const dataTypeNumber = (type: DataType): number => TYPES[type][0];
/** The type with this TensorProto.DataType number, if ONNX has one. */
export const dataTypeOf = (number: number): DataType | undefined => BY_NUMBER.get(number);
/** Bytes that `count` elements take in raw form. */
export const byteLength = (type: DataType, count: number): number => Math.ceil((count * TYPES[type][1]) / 8);

/** One axis: its length, a symbolic name shared by equal lengths, or undefined where nothing is known. */
export type Dim = number | string | undefined;

/** A graph input, output or annotated value. `dims` is undefined where the rank is unknown. */
export interface ValueInfo {
	name: string;
	dataType: DataType;
	dims: Dim[] | undefined;
}

/** Bytes that lie in a file: nothing is read until somebody needs them. */
export interface FileRange {
	/** File name as the model's folder knows it: 'model.onnx', 'model.onnx_data'. */
	readonly location: string;
	/** Bytes from the start of that file. */
	readonly offset: number;
	/** Bytes. */
	readonly length: number;
}

/**
 * A run of bytes, in memory or in a file. Both kinds have `length`; tell them apart with `instanceof Uint8Array`.
 * A list of segments means their concatenation, so joining two weights along axis 0 copies nothing.
 */
export type Segment = Uint8Array | FileRange;

/** A constant tensor. `data` are its elements in raw little-endian, row-major form. */
export interface Tensor {
	dataType: DataType;
	dims: number[];
	data: Segment[];
}

/** A named constant of a graph. */
export interface Initializer extends Tensor {
	name: string;
}
