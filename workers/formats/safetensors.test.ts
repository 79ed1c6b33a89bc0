import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { seededRandom } from '#test/support/random.ts';
import { sharedPath } from '#test/support/shared.ts';
import { f32ToBf16, f32ToF16 } from './half.ts';
import { readSafetensors, readTensorF32, writeSafetensors, type TensorData } from './safetensors.ts';

/** A file with the given header text (or bytes) and data. */
function file(header: unknown, data: Uint8Array = new Uint8Array(), claimed?: bigint): Uint8Array {
	const text =
		header instanceof Uint8Array
			? header
			: new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
	const bytes = new Uint8Array(8 + text.length + data.length);
	new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
	bytes.set(text, 8);
	bytes.set(data, 8 + text.length);
	return bytes;
}

const read = (bytes: Uint8Array) => readSafetensors(memorySource(bytes));
const u8 = (begin: number, end: number, shape = [end - begin]) => ({
	dtype: 'U8',
	shape,
	data_offsets: [begin, end]
});
const example = (): Map<string, TensorData> => {
	const values = Float32Array.of(1, -2, 0.5, 65504, 0, 3);
	return new Map<string, TensorData>([
		['half', { dtype: 'F16', shape: [3, 2], data: f32ToF16(values) }],
		['brain', { dtype: 'BF16', shape: [6], data: f32ToBf16(values) }],
		['single', { dtype: 'F32', shape: [2, 3], data: values }],
		['empty', { dtype: 'F32', shape: [0, 4], data: new Float32Array() }],
		['__proto__', { dtype: 'U8', shape: [], data: Uint8Array.of(7) }]
	]);
};

describe('safetensors', () => {
	it('reads back the tensors, shapes and metadata it wrote', () => {
		const parsed = read(writeSafetensors(example(), { format: 'pt', note: 'é "quoted"' }));
		expect(parsed.metadata).toEqual({ format: 'pt', note: 'é "quoted"' });
		expect([...parsed.tensors.keys()].sort()).toEqual([...example().keys()].sort());
		expect(parsed.tensors.get('half')?.shape).toEqual([3, 2]);
		expect([...readTensorF32(parsed, 'single')]).toEqual([1, -2, 0.5, 65504, 0, 3]);
		expect([...readTensorF32(parsed, 'half')]).toEqual([1, -2, 0.5, 65504, 0, 3]);
		expect([...readTensorF32(parsed, 'brain')]).toEqual([1, -2, 0.5, 65536, 0, 3]);
		expect(readTensorF32(parsed, 'empty')).toHaveLength(0);
	});

	it('accepts header keys in any order, as the reference does', () => {
		const parsed = read(file({ b: u8(2, 3), a: u8(0, 2) }, Uint8Array.of(1, 2, 3)));
		expect([...parsed.tensors]).toEqual([
			['a', { dtype: 'U8', shape: [2], offset: parsed.source.size - 3, length: 2 }],
			['b', { dtype: 'U8', shape: [1], offset: parsed.source.size - 1, length: 1 }]
		]);
	});

	it('reads values at offsets that no typed array could be laid on', () => {
		const data = new Uint8Array(5);
		new DataView(data.buffer).setFloat32(1, 1.5, true);
		const header = { a: u8(0, 1), b: { dtype: 'F32', shape: [1], data_offsets: [1, 5] } };
		expect([...readTensorF32(read(file(header, data)), 'b')]).toEqual([1.5]);
	});

	const bytes3 = Uint8Array.of(1, 2, 3);
	const hostile: [string, Uint8Array][] = [
		['fewer than 8 bytes', new Uint8Array(7)],
		['header length beyond the file', file('{}', new Uint8Array(), 3n)],
		['header length of 2^64 - 1', file('{}', new Uint8Array(), 2n ** 64n - 1n)],
		['text that is not UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d))],
		['a byte order mark', file('\ufeff{}')],
		['white space first', file(' {}')],
		['text that is not JSON', file('{"a":')],
		['an array for a header', file([])],
		['null for a tensor', file({ a: null })],
		['an array for a tensor', file({ a: [] })],
		['an unknown type', file({ a: { dtype: 'F33', shape: [3], data_offsets: [0, 3] } }, bytes3)],
		[
			'a type named like an object method',
			file({ a: { dtype: 'toString', shape: [], data_offsets: [0, 0] } })
		],
		['a missing shape', file({ a: { dtype: 'U8', data_offsets: [0, 3] } }, bytes3)],
		['a negative size', file({ a: u8(0, 3, [-3, -1]) }, bytes3)],
		['a fractional size', file({ a: u8(0, 3, [1.5, 2]) }, bytes3)],
		['a shape that overflows', file({ a: u8(0, 3, [2 ** 40, 2 ** 40]) }, bytes3)],
		['a shape too small for its bytes', file({ a: u8(0, 3, [2]) }, bytes3)],
		['offsets that run backwards', file({ a: u8(3, 0, [3]) }, bytes3)],
		['three offsets', file({ a: { dtype: 'U8', shape: [3], data_offsets: [0, 3, 3] } }, bytes3)],
		['offsets beyond the file', file({ a: u8(0, 4) }, bytes3)],
		['bytes that no tensor owns', file({ a: u8(0, 2) }, bytes3)],
		['a gap between tensors', file({ a: u8(0, 1), b: u8(2, 3) }, bytes3)],
		['overlapping tensors', file({ a: u8(0, 2), b: u8(1, 3) }, bytes3)],
		['one range given to two tensors', file({ a: u8(0, 3), b: u8(0, 3) }, bytes3)],
		[
			'a tensor named twice',
			file(`{"a":${JSON.stringify(u8(0, 3))},"a":${JSON.stringify(u8(0, 3))}}`, bytes3)
		],
		['a tensor named twice, once escaped', file(`{"a":${JSON.stringify(u8(0, 3))},"\\u0061":{}}`, bytes3)],
		[
			'a field given twice',
			file('{"a":{"dtype":"U8","dtype":"U8","shape":[3],"data_offsets":[0,3]}}', bytes3)
		],
		['metadata that is not text', file({ __metadata__: { a: 1 } })],
		['a deep nest', file(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)]
	];
	it.each(hostile)('refuses %s', (_, bytes) => {
		expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'safetensors/malformed' }));
	});

	it('says which tensor is wrong, and how', () => {
		expect(() => read(file({ 'm.q': u8(0, 3, [2]) }, bytes3))).toThrow(
			'"m.q" of shape [2] needs 2 bytes, but has 3'
		);
		expect(() => read(file({ a: u8(0, 1), b: u8(2, 3) }, bytes3))).toThrow('a gap before "b"');
		expect(() => read(file({ a: u8(0, 2), b: u8(1, 3) }, bytes3))).toThrow('an overlap at "b"');
	});

	it('refuses to read as float what is not float, or absent', () => {
		const parsed = read(file({ a: u8(0, 3) }, bytes3));
		for (const name of ['a', 'b'])
			expect(() => readTensorF32(parsed, name)).toThrow(
				expect.objectContaining({ code: 'safetensors/malformed' })
			);
	});

	it('answers 20,000 damaged files with tensors inside the file or with a typed error', () => {
		const seed = 7;
		const random = seededRandom(seed);
		const pick = (n: number) => Math.floor(random() * n);
		const original = writeSafetensors(example(), { format: 'pt' });
		const headerEnd = 8 + Number(new DataView(original.buffer).getBigUint64(0, true));
		const tokens = [
			'{',
			'}',
			'[',
			']',
			'"',
			',',
			':',
			'0',
			'9',
			'-',
			'e9',
			'1e400',
			'null',
			'\\',
			'\u0000',
			'"a"'
		];
		let [accepted, refused] = [0, 0];
		for (let i = 0; i < 20_000; i++) {
			let bytes = original.slice();
			const edits = 1 + pick(3);
			for (let e = 0; e < edits; e++) {
				const at = pick(random() < 0.9 ? Math.min(headerEnd, bytes.length) : bytes.length);
				const kind = pick(4);
				if (kind === 0) bytes[at] = pick(256);
				else if (kind === 1) bytes = bytes.slice(0, at);
				else if (kind === 2) bytes.copyWithin(at, pick(bytes.length), pick(bytes.length));
				else
					bytes.set(new TextEncoder().encode(tokens[pick(tokens.length)]).subarray(0, bytes.length - at), at);
				if (bytes.length === 0) break;
			}
			try {
				const parsed = read(bytes);
				accepted++;
				for (const [name, info] of parsed.tensors) {
					if (info.offset < 8 || info.offset + info.length > bytes.length)
						throw new Error(`${name} lies outside`);
					if (['F32', 'F16', 'BF16'].includes(info.dtype)) readTensorF32(parsed, name);
				}
			} catch (error) {
				if (!(error instanceof OpenLedgerError && error.code === 'safetensors/malformed'))
					throw new Error(`seed ${seed}, case ${i}: ${String(error)}`, { cause: error });
				refused++;
			}
		}
		expect(refused).toBeGreaterThan(5_000);
		expect(accepted).toBeGreaterThan(0);
		expect(accepted + refused).toBeGreaterThanOrEqual(10_000);
	});

	const nano = sharedPath('models/nano/model.safetensors');
	it.skipIf(!nano)('reads a real checkpoint (skipped where ../shared is absent)', () => {
		const parsed = read(readFileSync(nano ?? ''));
		expect(parsed.tensors.get('model.embed_tokens.weight')).toMatchObject({
			dtype: 'F32',
			shape: [4096, 256]
		});
		const norm = readTensorF32(parsed, 'model.norm.weight');
		expect(norm).toHaveLength(256);
		expect(norm.every((x) => x > 0 && x < 20)).toBe(true);
	});
});
