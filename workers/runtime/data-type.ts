/** Element types we feed or fetch, with their number in onnx.proto3 and their width in bytes. */
const TYPES = {
	float32: [1, 4],
	uint8: [2, 1],
	int8: [3, 1],
	int32: [6, 4],
	int64: [7, 8],
	bool: [9, 1],
	float16: [10, 2],
	uint32: [12, 4]
} as const;

export type DataType = keyof typeof TYPES;

const names = new Map<number, DataType>(Object.entries(TYPES).map(([name, [id]]) => [id, name as DataType]));

export const dataTypeId = (type: DataType): number => TYPES[type][0];
export const bytesPerElement = (type: DataType): number => TYPES[type][1];
export const dataTypeOf = (id: number): DataType | undefined => names.get(id);
export const elementCount = (dims: readonly number[]): number =>
	dims.reduce((product, dim) => product * dim, 1);
