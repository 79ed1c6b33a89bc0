import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { memorySource } from '#workers/bytes.ts';
import { sharedPath } from '#test/support/shared.ts';
import { readModel } from './read.ts';
import { joinSegments } from './segments.ts';
import { writeModel, writeModelFile } from './write.ts';

const folder = sharedPath('data/onnx-decoders');
const files = folder
	? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))
	: [];

describe.skipIf(!folder)('real exports (skipped without ../shared/data/onnx-decoders)', () => {
	test.each(files)('%s survives reading and writing', async (file) => {
		const bytes = readFileSync(join(folder ?? '', file));
		const name = basename(file);
		const sources = new Map([[name, memorySource(bytes)]]);
		const model = readModel(memorySource(bytes), name);

		const inline = joinSegments(writeModelFile(model).segments, sources);
		const again = readModel(memorySource(inline), name);
		expect(joinSegments(writeModelFile(again).segments, new Map([[name, memorySource(inline)]]))).toEqual(
			inline
		);

		const { graph, weights, weightsPath, weightsLength } = writeModel(model);
		const data = joinSegments(weights, sources);
		expect(data.length).toBe(weightsLength);
		const external = readModel(memorySource(graph));
		const externalSources = new Map([[weightsPath, memorySource(data)]]);
		expect([...external.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
		for (const [key, initializer] of model.graph.initializers) {
			const other = external.graph.initializers.get(key);
			expect(joinSegments(other?.data ?? [], externalSources)).toEqual(
				joinSegments(initializer.data, sources)
			);
		}

		const original = await load(bytes);
		expect(await load(inline)).toEqual(original);
		// The Sampling operator takes no external weights in its subgraph.
		if (name !== 'tiny_gpt2_sampling.onnx')
			expect(await load(graph, data.length ? [{ path: weightsPath, data }] : [])).toEqual(original);
	});
});

/** What onnxruntime says of a model: inputs and outputs, or why it does not load. */
async function load(bytes: Uint8Array, externalData: { path: string; data: Uint8Array }[] = []) {
	try {
		const { inputMetadata, outputMetadata } = await InferenceSession.create(bytes, {
			graphOptimizationLevel: 'disabled',
			externalData
		});
		return { inputMetadata, outputMetadata };
	} catch (thrown) {
		return String(thrown);
	}
}
