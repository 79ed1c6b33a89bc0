import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ByteSource } from '#workers/bytes.ts';
import { NodeFolder } from '#workers/models/store/node-folder.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import type { Initializer } from '#workers/onnx/types.ts';
import { Ort } from './ort.ts';
import { heapOf } from './ort-module.ts';
import { pourScenarios } from './pour.scenarios.ts';
import { WasmWeights } from './wasm-weights.ts';

let ort: Ort;
beforeAll(async () => {
	ort = await Ort.start({ build: 'wasm', threads: 1 });
});

test.each(Object.keys(pourScenarios))('from a folder on disk: %s', async (name) => {
	const directory = mkdtempSync(join(tmpdir(), 'openledger-pour-'));
	try {
		await expect(pourScenarios[name]?.(new NodeFolder(directory), ort)).resolves.toBeUndefined();
	} finally {
		rmSync(directory, { recursive: true });
	}
});

describe('poured weights', () => {
	/** Byte i of the file is i · 7 mod 251. Remembers the longest read. */
	const file = (size: number): ByteSource & { longest: number } => ({
		size,
		longest: 0,
		read(offset, length) {
			const bytes = new Uint8Array(length);
			this.readInto?.(offset, bytes);
			return bytes;
		},
		readInto(offset, target) {
			this.longest = Math.max(this.longest, target.length);
			for (let i = 0; i < target.length; i++) target[i] = ((offset + i) * 7) % 251;
		}
	});
	const weight = (name: string, offset: number, length: number): Initializer => ({
		name,
		dataType: 'uint8',
		dims: [length],
		data: [{ location: 'f', offset, length }]
	});

	test('arrive whole, piece by piece, and part of another weight takes no room of its own', () => {
		const source = file(5_000_000);
		const weights = [weight('part', 2_000_001, 300_000), weight('all', 1000, 4_500_000), weight('x', 0, 900)];
		const poured = WasmWeights.pour(ort, weights, new Map([['f', source]]));
		expect(poured.byteLength).toBeLessThan(4_500_000 + 900 + 64);
		expect(source.longest).toBeLessThanOrEqual(2 ** 20);
		for (const { name, data } of weights) {
			const wanted = joinSegments(data, new Map([['f', source]]));
			const tensor = poured.tensors.get(name);
			expect(tensor?.dims).toEqual([wanted.length]);
			expect(Buffer.compare(tensor?.bytes() ?? new Uint8Array(), wanted), name).toBe(0);
		}
		poured.dispose();
	});

	test('more than the heap can hold is one typed error, and what was there stays usable', async () => {
		const before = ort.tensor('uint8', Uint8Array.of(1, 2, 3), [3]);
		// The empty heap has 16 MB of the 4 GiB.
		const tooLarge = file(4_290_000_000);
		const pour = () => WasmWeights.pour(ort, [weight('all', 0, tooLarge.size)], new Map([['f', tooLarge]]));
		await expect(ort.exclusive(pour)).rejects.toMatchObject({ code: 'device/out-of-memory' });
		expect([...before.bytes()]).toEqual([1, 2, 3]);
		before.dispose();
	});

	test('a file that ends too soon fails the load and gives its memory back', () => {
		const short: ByteSource = {
			size: 40_000_000,
			read: () => {
				throw new RangeError('the file became shorter while it was read');
			}
		};
		const pour = () => WasmWeights.pour(ort, [weight('all', 0, short.size)], new Map([['f', short]]));
		expect(pour).toThrow('shorter');
		const grown = heapOf(ort.module).length;
		for (let i = 0; i < 5; i++) expect(pour).toThrow('shorter');
		expect(heapOf(ort.module).length).toBe(grown);
	});
});
