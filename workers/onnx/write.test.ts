import { expect, test } from 'vitest';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { memorySource, type ByteSource } from '#workers/bytes.ts';
import { createModel } from './model.ts';
import { readModel } from './read.ts';
import { rewriteForServing } from './rewrite.ts';
import { joinSegments, segmentRows, totalLength } from './segments.ts';
import { writeModel, writeModelFile } from './write.ts';

const GIB = 2 ** 30;

test('a model of 1.5 GiB is read, rewritten and written without its weights', () => {
	// Weights in a file that does not exist: only their places are known.
	const given = decoderModel({ linear: 'q4' });
	const large = { location: 'elsewhere', offset: 0, length: 1.5 * GIB };
	given.graph.initializer('large', 'uint8', [large.length], [large]);
	given.graph.node('Identity', ['large'], ['copy']);
	given.graph.output('copy', 'uint8', [large.length]);
	const { segments, length } = writeModelFile(given);
	let read = 0;
	const starts: number[] = [];
	segments.reduce((at, segment) => {
		starts.push(at);
		return at + segment.length;
	}, 0);
	const source: ByteSource = {
		size: length,
		read(offset, count) {
			read += count;
			const bytes = new Uint8Array(count);
			segments.forEach((segment, i) => {
				const start = (starts[i] ?? 0) - offset;
				if (!(segment instanceof Uint8Array) || start >= count || start + segment.length <= 0) return;
				bytes.set(segment.subarray(Math.max(0, -start), count - start), Math.max(0, start));
			});
			return bytes;
		}
	};
	const model = readModel(source, 'big.onnx');
	const { weightsLength } = writeModel(rewriteForServing(model, { lora: 'matmul', fuse: true }).model);
	expect(weightsLength).toBeGreaterThan(1.5 * GIB);
	expect(read).toBeLessThan(2_000_000);
});

test('weights keep their place in the file, and small tensors come along', () => {
	const model = createModel('small');
	model.graph.initializer('shape', 'int64', [2], BigInt64Array.of(1n, 2n));
	model.graph.initializer('weight', 'float32', [1024], new Float32Array(1024).fill(3));
	const { segments, length } = writeModelFile(model);
	const file = joinSegments(segments, new Map());
	expect(file.length).toBe(length);
	const { graph } = readModel(memorySource(file), 'folder/model.onnx');
	const weight = graph.initializers.get('weight')?.data;
	expect(weight).toEqual([{ location: 'folder/model.onnx', offset: expect.any(Number), length: 4096 }]);
	expect(graph.initializers.get('shape')?.data).toEqual([new Uint8Array(BigInt64Array.of(1n, 2n).buffer)]);
	const { weights } = writeModel({ ...model, graph });
	expect(weights).toEqual(weight);
});

test('every external weight starts at a multiple of 64 bytes', () => {
	const model = createModel('aligned');
	for (const count of [300, 257, 1000])
		model.graph.initializer(`w${count}`, 'uint8', [count * 5], new Uint8Array(count * 5).fill(count));
	const { graph, weights, weightsLength, weightsPath } = writeModel(model, 'weights.bin');
	expect(weightsPath).toBe('weights.bin');
	expect(totalLength(weights)).toBe(weightsLength);
	const ranges = [...readModel(memorySource(graph)).graph.initializers.values()].map(({ data }) => data[0]);
	const bytes = joinSegments(weights, new Map());
	for (const [i, range] of ranges.entries()) {
		if (!range || range instanceof Uint8Array) throw new Error('not external');
		expect(range.location).toBe('weights.bin');
		expect(range.offset % 64).toBe(0);
		expect(bytes[range.offset]).toBe([300, 257, 1000].map((count) => count & 255)[i]);
	}
});

test('a model above 2 GiB is refused as one file and written with external weights', () => {
	const model = createModel('huge');
	const range = { location: 'huge.bin', offset: 0, length: 3 * GIB };
	model.graph.initializer('w', 'uint8', [3 * GIB], [range]);
	expect(() => writeModelFile(model)).toThrow(/one ONNX file can hold/);
	expect(writeModel(model).weightsLength).toBe(3 * GIB);
});

test('joined weights are runs of the file they came from', () => {
	const file = joinSegments(writeModelFile(decoderModel({ linear: 'q4' })).segments, new Map());
	const given = readModel(memorySource(file), 'decoder.onnx');
	const { model } = rewriteForServing(given, { lora: 'matmul', fuse: true });
	const { weights } = writeModel(model);
	const inMemory = weights.filter((segment) => segment instanceof Uint8Array);
	// Padding, and tensors of at most 1 KiB.
	expect(Math.max(...inMemory.map(({ length }) => length))).toBeLessThanOrEqual(1024);
});

test('rows are cut across segments', () => {
	const file = { location: 'f', offset: 100, length: 7 };
	const rows = segmentRows([Uint8Array.of(1, 2, 3, 4, 5), file], 4);
	expect(rows).toEqual([
		[Uint8Array.of(1, 2, 3, 4)],
		[Uint8Array.of(5), { location: 'f', offset: 100, length: 3 }],
		[{ location: 'f', offset: 103, length: 4 }]
	]);
});
