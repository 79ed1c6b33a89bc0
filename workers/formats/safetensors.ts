import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { bf16ToF32, f16ToF32 } from './half.ts';
import { isJsonObject, parseStrictJson } from './strict-json.ts';

/** Bytes per element. The sub-byte formats (F4, F6) are not read. */
const ELEMENT_BYTES = {
	F64: 8,
	I64: 8,
	U64: 8,
	C64: 8,
	F32: 4,
	I32: 4,
	U32: 4,
	F16: 2,
	BF16: 2,
	I16: 2,
	U16: 2,
	F8_E4M3: 1,
	F8_E5M2: 1,
	F8_E8M0: 1,
	I8: 1,
	U8: 1,
	BOOL: 1
} as const;

export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

export interface TensorInfo {
	dtype: SafetensorsDtype;
	shape: number[];
	/** Where its bytes start in the file (absolute), and how many there are. */
	offset: number;
	length: number;
}

export interface SafetensorsFile {
	source: ByteSource;
	metadata: Record<string, string>;
	/** By name, in the order of their bytes. */
	tensors: Map<string, TensorInfo>;
}

/** A tensor to write: row-major, little-endian elements. */
export interface TensorData {
	dtype: SafetensorsDtype;
	shape: readonly number[];
	data: ArrayBufferView;
}

/** The reference implementation's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads the header of a safetensors file and checks all of it; no weights are read.
 *
 * Format: https://github.com/huggingface/safetensors#format. As there, tensors must cover the data without gap or
 * overlap, in any order of the header's keys.
 *
 * Throws `safetensors/malformed`.
 */
export function readSafetensors(source: ByteSource): SafetensorsFile {
	if (source.size < 8)
		throw malformed(`it has ${source.size} bytes, fewer than the 8 of the header's length`);
	const lengthBytes = source.read(0, 8);
	const headerLength = new DataView(lengthBytes.buffer, lengthBytes.byteOffset, 8).getBigUint64(0, true);
	if (headerLength > BigInt(Math.min(MAX_HEADER_BYTES, source.size - 8)))
		throw malformed(`its header claims ${headerLength} bytes of a file of ${source.size}`);
	const dataStart = 8 + Number(headerLength);

	const { metadata, entries } = parseHeader(source.read(8, Number(headerLength)));
	const infos = entries.map(([name, entry]) => [name, parseTensor(name, entry, dataStart)] as const);
	infos.sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
	let end = dataStart;
	for (const [name, { offset, length }] of infos) {
		if (offset !== end)
			throw malformed(`there is ${offset > end ? 'a gap before' : 'an overlap at'} ${quote(name)}`);
		end = offset + length;
	}
	if (end !== source.size)
		throw malformed(`its tensors end at byte ${end}, the file at ${source.size}`, { end, size: source.size });
	return { source, metadata, tensors: new Map(infos) };
}

function parseHeader(bytes: Uint8Array): { metadata: Record<string, string>; entries: [string, unknown][] } {
	let header: unknown;
	try {
		// Here and not by the JSON reader: it would take white space or a byte order mark, which the format forbids.
		if (bytes[0] !== 0x7b) throw new SyntaxError('it does not start with "{"');
		header = parseStrictJson(bytes, { maxDepth: 3 });
	} catch (cause) {
		throw malformed(
			`its header cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
			{},
			cause
		);
	}
	if (!isJsonObject(header)) throw malformed('its header is not a JSON object');
	const { __metadata__: metadata = {}, ...tensors } = header;
	if (!isStringRecord(metadata)) throw malformed('its metadata is not a map of strings');
	return { metadata, entries: Object.entries(tensors) };
}

function parseTensor(name: string, entry: unknown, dataStart: number): TensorInfo {
	if (!isJsonObject(entry)) throw malformed(`${quote(name)} is not described by an object`);
	const { dtype, shape, data_offsets: offsets } = entry;
	if (typeof dtype !== 'string' || !Object.hasOwn(ELEMENT_BYTES, dtype))
		throw malformed(`${quote(name)} has the unknown type ${quote(String(dtype))}`);
	if (!isSizes(shape)) throw malformed(`the shape of ${quote(name)} is not a list of sizes`);
	if (!isSizes(offsets) || offsets.length !== 2) throw malformed(`${quote(name)} has no pair of offsets`);
	const [begin, end] = offsets as [number, number];
	const known = dtype as SafetensorsDtype;
	// A product too large for exact integers is far above any true length, so rounding cannot let it pass.
	const length = shape.reduce((product, size) => product * size, ELEMENT_BYTES[known]);
	if (length !== end - begin)
		throw malformed(
			`${quote(name)} of shape [${shape.join(', ').slice(0, 80)}] needs ${length} bytes, but has ${end - begin}`
		);
	return { dtype: known, shape, offset: dataStart + begin, length };
}

/**
 * One tensor's values as float32, row-major (F32, F16 or BF16; the latter two widened exactly). Always a copy.
 *
 * Throws `safetensors/malformed` where it is absent or of another type.
 */
export function readTensorF32(file: SafetensorsFile, name: string): Float32Array {
	const info = file.tensors.get(name);
	if (!info) throw malformed(`it has no tensor ${quote(name)}`);
	if (info.dtype !== 'F32' && info.dtype !== 'F16' && info.dtype !== 'BF16')
		throw malformed(`${quote(name)} is ${info.dtype}, where F32, F16 or BF16 is expected`);
	// Copied, because a typed array must be aligned and a view of the file need not be. (Node's Buffer.slice copies nothing.)
	const { buffer } = new Uint8Array(file.source.read(info.offset, info.length));
	if (info.dtype === 'F32') return new Float32Array(buffer);
	return info.dtype === 'F16' ? f16ToF32(new Uint16Array(buffer)) : bf16ToF32(new Uint16Array(buffer));
}

/**
 * A safetensors file of the given tensors, in the reference implementation's order (larger elements first, then by name),
 * with the header padded so that all data is aligned to 8 bytes.
 *
 * Throws a RangeError where data and shape disagree.
 */
export function writeSafetensors(
	tensors: ReadonlyMap<string, TensorData>,
	metadata: Record<string, string> = {}
): Uint8Array<ArrayBuffer> {
	const sorted = [...tensors].sort(
		([a, x], [b, y]) => ELEMENT_BYTES[y.dtype] - ELEMENT_BYTES[x.dtype] || (a < b ? -1 : 1)
	);
	const header: [string, unknown][] = Object.keys(metadata).length ? [['__metadata__', metadata]] : [];
	let length = 0;
	for (const [name, { dtype, shape, data }] of sorted) {
		const needed = shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype]);
		if (needed !== data.byteLength)
			throw new RangeError(
				`${name} of shape [${shape.join(', ')}] needs ${needed} bytes, but has ${data.byteLength}`
			);
		header.push([name, { dtype, shape, data_offsets: [length, length + needed] }]);
		length += needed;
	}
	const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
	const headerLength = Math.ceil(text.length / 8) * 8;
	const file = new Uint8Array(8 + headerLength + length);
	new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
	file.fill(0x20, 8, 8 + headerLength);
	file.set(text, 8);
	let offset = 8 + headerLength;
	for (const [, { data }] of sorted) {
		file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
		offset += data.byteLength;
	}
	return file;
}

function isStringRecord(value: unknown): value is Record<string, string> {
	return isJsonObject(value) && Object.values(value).every((v) => typeof v === 'string');
}

function isSizes(value: unknown): value is number[] {
	return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

/** A name from a hostile file, fit for a message. */
function quote(name: string): string {
	return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}

function malformed(reason: string, details: Record<string, number> = {}, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('safetensors/malformed', `This safetensors file is damaged: ${reason}.`, {
		remedy: 'Download or export the file again.',
		details,
		cause
	});
}
