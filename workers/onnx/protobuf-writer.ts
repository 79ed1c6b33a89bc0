import { BYTES, FIXED32, VARINT } from './protobuf-reader.ts';
import type { Segment } from './types.ts';

const utf8 = new TextEncoder();

/** Writes protobuf fields into a list of segments, so that a weight can stay in its file until it is needed. */
export class ProtobufWriter {
	#buffer = new Uint8Array(256);
	#used = 0;
	#segments: Segment[] = [];
	/** Bytes written so far, referenced ones included. */
	length = 0;

	/** What was written, in order. */
	segments(): Segment[] {
		this.#flush();
		return this.#segments;
	}

	integer(field: number, value: number | bigint): void {
		this.#tag(field, VARINT);
		this.#varint(value);
	}

	float(field: number, value: number): void {
		this.#tag(field, FIXED32);
		this.#float(value);
	}

	string(field: number, value: string): void {
		this.bytes(field, utf8.encode(value));
	}

	bytes(field: number, value: Uint8Array): void {
		this.#tag(field, BYTES);
		this.#varint(value.length);
		this.raw(value);
	}

	/** A field whose bytes are a list of segments. */
	data(field: number, segments: readonly Segment[]): void {
		this.#tag(field, BYTES);
		this.#varint(segments.reduce((sum, segment) => sum + segment.length, 0));
		for (const segment of segments) this.#append(segment);
	}

	message(field: number, write: (writer: ProtobufWriter) => void): void {
		const nested = new ProtobufWriter();
		write(nested);
		this.data(field, nested.segments());
	}

	packedIntegers(field: number, values: readonly (number | bigint)[]): void {
		if (values.length === 0) return;
		this.message(field, (writer) => {
			for (const value of values) writer.#varint(value);
		});
	}

	packedFloats(field: number, values: readonly number[]): void {
		if (values.length === 0) return;
		this.message(field, (writer) => {
			for (const value of values) writer.#float(value);
		});
	}

	/** Bytes as they are, for instance a field kept unread. */
	raw(bytes: Uint8Array): void {
		this.#reserve(bytes.length);
		this.#buffer.set(bytes, this.#used);
		this.#advance(bytes.length);
	}

	#append(segment: Segment): void {
		if (segment instanceof Uint8Array && segment.length <= 4096) return this.raw(segment);
		this.#flush();
		this.#segments.push(segment);
		this.length += segment.length;
	}

	#tag(field: number, wireType: number): void {
		this.#varint(field * 8 + wireType);
	}

	#varint(value: number | bigint): void {
		this.#reserve(10);
		if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
			let rest = value;
			for (; rest > 127; rest >>>= 7) this.#put((rest & 127) | 128);
			this.#put(rest);
			return;
		}
		let rest = BigInt.asUintN(64, BigInt(value));
		for (; rest > 127n; rest >>= 7n) this.#put(Number(rest & 127n) | 128);
		this.#put(Number(rest));
	}

	#float(value: number): void {
		this.#reserve(4);
		new DataView(this.#buffer.buffer).setFloat32(this.#used, value, true);
		this.#advance(4);
	}

	#put(byte: number): void {
		this.#buffer[this.#used] = byte;
		this.#advance(1);
	}

	#advance(bytes: number): void {
		this.#used += bytes;
		this.length += bytes;
	}

	#reserve(bytes: number): void {
		if (this.#used + bytes <= this.#buffer.length) return;
		const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + bytes));
		grown.set(this.#buffer.subarray(0, this.#used));
		this.#buffer = grown;
	}

	#flush(): void {
		if (this.#used === 0) return;
		this.#segments.push(this.#buffer.slice(0, this.#used));
		this.#used = 0;
	}
}
