import type { ByteSource } from '#workers/bytes.ts';
import { malformed, unsupported } from './failure.ts';

/** Protobuf wire types (protobuf.dev/programming-guides/encoding). */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** Bytes fetched at once, also behind each weight that is stepped over. */
const WINDOW = 16 * 1024;
/** Fields, strings and list elements one model may have; real ones have some ten thousand. Bounds memory and time. */
const MAX_ITEMS = 2_000_000;
/** Longest string or other field read into memory. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Deepest nesting of messages: a graph in an attribute of a node of a graph counts three. */
const MAX_DEPTH = 100;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads protobuf fields in order over random access. Every length is checked against the enclosing message. */
export class ProtobufReader {
	readonly #source: ByteSource;
	#window = new Uint8Array(0);
	#windowStart = 0;
	#depth = 0;
	#items = 0;
	#fieldStart = 0;
	/** Offset in the source of the next byte. */
	position = 0;
	/** Offset in the source where the current message ends. */
	#end: number;

	constructor(source: ByteSource) {
		this.#source = source;
		this.#end = source.size;
	}

	/** Calls `field(number, wireType)` for each field of the current message; it must consume the field's value. */
	fields(field: (number: number, wireType: number) => void): void {
		while (this.position < this.#end) {
			const start = this.position;
			const tag = this.#varint();
			if (tag < 8 || tag > 0xffffffff) throw malformed(`Invalid field tag at byte ${start}.`);
			this.#fieldStart = start;
			field(tag >>> 3, tag & 7);
		}
	}

	/** Reads a nested message with `parse`, which must consume it through {@link fields}. */
	message<T>(wireType: number, parse: () => T): T {
		const length = this.length(wireType);
		const outer = this.#end;
		if (++this.#depth > MAX_DEPTH) throw malformed(`Messages nest deeper than ${MAX_DEPTH}.`);
		this.#end = this.position + length;
		const result = parse();
		this.#end = outer;
		this.#depth--;
		return result;
	}

	/** Reads a length prefix; the bytes that follow are the caller's to consume or {@link advance} over. */
	length(wireType: number): number {
		this.#expect(wireType, BYTES);
		this.#spend(1);
		const length = this.#varint();
		if (length > this.#end - this.position)
			throw malformed(
				`A field at byte ${this.position} is ${length} bytes long, more than the file or message holds.`
			);
		return length;
	}

	/** Steps over bytes without reading them. */
	advance(length: number): void {
		this.position += length;
	}

	/** A copy of a length-delimited field. */
	bytes(wireType: number): Uint8Array<ArrayBuffer> {
		return this.raw(this.length(wireType));
	}

	/** A copy of the next `length` bytes. */
	raw(length: number): Uint8Array<ArrayBuffer> {
		if (length > MAX_BYTES)
			throw unsupported(`A field at byte ${this.position} has ${length} bytes; ${MAX_BYTES} are allowed.`);
		const copy = new Uint8Array(this.#peek(length).subarray(0, length));
		this.position += length;
		return copy;
	}

	string(wireType: number): string {
		const length = this.length(wireType);
		if (length > MAX_BYTES) throw unsupported(`A text at byte ${this.position} has ${length} bytes.`);
		const view = this.#peek(length).subarray(0, length);
		this.position += length;
		try {
			return utf8.decode(view);
		} catch (cause) {
			throw malformed(`The text at byte ${this.position - length} is not UTF-8.`, undefined, cause);
		}
	}

	/** A signed 64-bit field, exact. */
	int64(wireType: number): bigint {
		this.#expect(wireType, VARINT);
		return this.#varint64();
	}

	/** A signed 64-bit field that has to be a safe integer. */
	integer(wireType: number): number {
		const value = Number(this.int64(wireType));
		if (!Number.isSafeInteger(value)) throw malformed(`Number out of range at byte ${this.position}.`);
		return value;
	}

	float(wireType: number): number {
		this.#expect(wireType, FIXED32);
		return this.#view(4).getFloat32(0, true);
	}

	/** The raw bytes of one float or double. */
	fixed(wireType: number): Uint8Array<ArrayBuffer> {
		if (wireType !== FIXED64) this.#expect(wireType, FIXED32);
		this.#spend(1);
		return this.raw(wireType === FIXED64 ? 8 : 4);
	}

	/** Appends a repeated int64 field, packed or not. */
	integers(wireType: number, into: bigint[]): void {
		this.#repeated(wireType, VARINT, () => into.push(this.#varint64()));
	}

	/** Appends a repeated float field, packed or not. */
	floats(wireType: number, into: number[]): void {
		this.#repeated(wireType, FIXED32, () => into.push(this.#view(4).getFloat32(0, true)));
	}

	/** Steps over a field of any type. */
	skip(wireType: number): void {
		this.#spend(1);
		if (wireType === VARINT) this.#varint64();
		else if (wireType === FIXED64) this.#view(8);
		else if (wireType === FIXED32) this.#view(4);
		else if (wireType === BYTES) this.advance(this.length(wireType));
		else throw malformed(`Unknown wire type ${wireType} at byte ${this.position}.`);
	}

	/** A copy of a field that is not understood, tag included, to be written back as it is. */
	unknown(wireType: number): Uint8Array<ArrayBuffer> {
		const start = this.#fieldStart;
		this.skip(wireType);
		const end = this.position;
		this.position = start;
		return this.raw(end - start);
	}

	#repeated(wireType: number, element: number, read: () => void): void {
		if (wireType !== BYTES) {
			this.#expect(wireType, element);
			this.#spend(1);
			read();
			return;
		}
		this.message(wireType, () => {
			while (this.position < this.#end) {
				this.#spend(1);
				read();
			}
		});
	}

	#expect(wireType: number, wanted: number): void {
		if (wireType !== wanted)
			throw malformed(`Wire type ${wireType} at byte ${this.position}, where ${wanted} belongs.`);
	}

	#spend(items: number): void {
		this.#items += items;
		if (this.#items > MAX_ITEMS) throw unsupported(`The model has more than ${MAX_ITEMS} fields.`);
	}

	/** A varint that is a tag or a length. Beyond 2^53 it is rounded, which is beyond any file in any case. */
	#varint(): number {
		const window = this.#peek(Math.min(10, this.#end - this.position));
		let value = 0;
		let scale = 1;
		for (let i = 0; i < 10; i++, scale *= 128) {
			const byte = this.#byte(window, i);
			value += (byte & 127) * scale;
			if (byte < 128) {
				this.position += i + 1;
				return value;
			}
		}
		throw malformed(`A number at byte ${this.position} does not end.`);
	}

	#varint64(): bigint {
		const window = this.#peek(Math.min(10, this.#end - this.position));
		let value = 0n;
		for (let i = 0; i < 10; i++) {
			const byte = this.#byte(window, i);
			value |= BigInt(byte & 127) << BigInt(7 * i);
			if (byte < 128) {
				this.position += i + 1;
				return BigInt.asIntN(64, value);
			}
		}
		throw malformed(`A number at byte ${this.position} does not end.`);
	}

	#byte(window: Uint8Array, index: number): number {
		const byte = window[index];
		if (byte === undefined || this.position + index >= this.#end)
			throw malformed(`The file or message ends within a number at byte ${this.position}.`);
		return byte;
	}

	#view(length: number): DataView {
		const window = this.#peek(length);
		this.position += length;
		return new DataView(window.buffer, window.byteOffset, length);
	}

	/** At least `length` bytes from the current position, without consuming them. */
	#peek(length: number): Uint8Array {
		if (length > this.#end - this.position)
			throw malformed(`The file or message ends at byte ${this.#end}, within a field.`);
		const start = this.position - this.#windowStart;
		if (start < 0 || start + length > this.#window.length) {
			const wanted = Math.min(Math.max(length, WINDOW), this.#source.size - this.position);
			this.#window = this.#source.read(this.position, wanted) as Uint8Array<ArrayBuffer>;
			this.#windowStart = this.position;
			return this.#window;
		}
		return this.#window.subarray(start);
	}
}
