import type { ByteSource } from '#workers/bytes.ts';
import { malformed, unsupported } from './failure.ts';
import { BYTES, type ProtobufReader } from './protobuf-reader.ts';
import {
	byteLength,
	dataTypeOf,
	type DataType,
	type Initializer,
	type Segment,
	type Tensor
} from './types.ts';

/** Largest tensor, in bytes, that is copied out of the file at once: shapes, scalars, small vectors. */
export const INLINE_LIMIT = 1024;
/** Largest tensor attribute that is copied although it is no shape. */
const LOAD_LIMIT = 1024 * 1024;

/** Reads TensorProto, leaving weights where they are. */
export class TensorReader {
	readonly #proto: ProtobufReader;
	readonly #source: ByteSource;
	readonly #location: string;

	constructor(proto: ProtobufReader, source: ByteSource, location: string) {
		this.#proto = proto;
		this.#source = source;
		this.#location = location;
	}

	tensor(wireType: number): Initializer {
		const proto = this.#proto;
		const dims: bigint[] = [];
		const data: Segment[] = [];
		const integers: bigint[] = [];
		const external = new Map<string, string>();
		const head = { name: '', type: 0, isExternal: false };
		proto.message(wireType, () =>
			proto.fields((field, wire) => {
				if (field === 1) proto.integers(wire, dims);
				else if (field === 2) head.type = proto.integer(wire);
				else if (field === 4 || field === 10) this.#fixed(wire, data);
				else if (field === 5 || field === 7 || field === 11) proto.integers(wire, integers);
				else if (field === 8) head.name = proto.string(wire);
				else if (field === 9) data.push(this.#range(proto.length(wire)));
				else if (field === 13) external.set(...this.entry(wire));
				else if (field === 14) head.isExternal = proto.integer(wire) === 1;
				else if (field === 3) throw unsupported(`Tensor '${head.name}' is split into parts.`);
				else proto.skip(wire);
			})
		);
		const { name } = head;
		const dataType = dataTypeOf(head.type);
		if (!dataType || dataType === 'string')
			throw unsupported(`Tensor '${name}' has element type ${dataType ?? head.type}.`, { tensor: name });
		const shape = dims.map(Number);
		const size = byteLength(
			dataType,
			shape.reduce((product, dim) => product * dim, 1)
		);
		if (shape.some((dim) => dim < 0) || !Number.isSafeInteger(size))
			throw malformed(`Tensor '${name}' has the impossible shape [${shape}].`, { tensor: name });
		if (head.isExternal) return { name, dataType, dims: shape, data: [externalRange(name, external, size)] };
		if (integers.length) data.push(integerBytes(name, dataType, integers));
		return { name, dataType, dims: shape, data };
	}

	/** A tensor's elements in memory, for one that has to stay inside its node. */
	load(tensor: Tensor): Uint8Array[] {
		return tensor.data.map((segment) => {
			if (segment instanceof Uint8Array) return segment;
			if (segment.location !== this.#location || segment.length > LOAD_LIMIT)
				throw unsupported(`A tensor attribute of ${segment.length} bytes lies in '${segment.location}'.`);
			return this.#source.read(segment.offset, segment.length).slice();
		});
	}

	/** A StringStringEntryProto. */
	entry(wireType: number): [key: string, value: string] {
		const proto = this.#proto;
		let key = '';
		let value = '';
		proto.message(wireType, () =>
			proto.fields((field, wire) => {
				if (field === 1) key = proto.string(wire);
				else if (field === 2) value = proto.string(wire);
				else proto.skip(wire);
			})
		);
		return [key, value];
	}

	/** float_data and double_data: when packed, their bytes are already the raw form. */
	#fixed(wireType: number, data: Segment[]): void {
		if (wireType === BYTES) data.push(this.#range(this.#proto.length(wireType)));
		else data.push(this.#proto.fixed(wireType));
	}

	#range(length: number): Segment {
		const proto = this.#proto;
		if (length <= INLINE_LIMIT) return proto.raw(length);
		const range = { location: this.#location, offset: proto.position, length };
		proto.advance(length);
		return range;
	}
}

/** External data (onnx/docs/ExternalData.md): a path below the model's folder, an offset and a length. */
function externalRange(name: string, entries: ReadonlyMap<string, string>, size: number): Segment {
	const location = (entries.get('location') ?? '').replace(/^\.\//, '');
	const offset = Number(entries.get('offset') ?? 0);
	const length = Number(entries.get('length') ?? size);
	const escapes = location.split(/[\\/]/).some((part) => part === '' || part === '.' || part === '..');
	if (escapes || location.includes('\0') || location.includes(':'))
		throw malformed(`Tensor '${name}' lies outside the model's folder: '${location}'.`, { tensor: name });
	if (length !== size || !Number.isSafeInteger(offset) || offset < 0)
		throw malformed(`Tensor '${name}' needs ${size} bytes and names ${length} at ${offset}.`, {
			tensor: name
		});
	return { location, offset, length };
}

/** int32_data, int64_data and uint64_data hold one element each, also of narrower types (onnx.proto3, TensorProto). */
function integerBytes(name: string, dataType: DataType, values: readonly bigint[]): Uint8Array {
	const width = byteLength(dataType, 1);
	if (width > 8 || byteLength(dataType, 2) !== 2 * width)
		throw unsupported(`Tensor '${name}' stores ${dataType} element by element.`, { tensor: name });
	const bytes = new Uint8Array(values.length * width);
	const view = new DataView(bytes.buffer);
	values.forEach((value, i) => {
		if (width === 8) view.setBigUint64(i * 8, BigInt.asUintN(64, value), true);
		else if (width === 4) view.setUint32(i * 4, Number(BigInt.asUintN(32, value)), true);
		else if (width === 2) view.setUint16(i * 2, Number(BigInt.asUintN(16, value)), true);
		else view.setUint8(i, Number(BigInt.asUintN(8, value)));
	});
	return bytes;
}
