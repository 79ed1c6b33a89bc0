import { check, equal } from '#test/support/check.ts';
import { ortModelOf } from '#test/support/decoders.ts';
import { seededRandom } from '#test/support/random.ts';
import { randomDecoderConfig } from '#test/support/random-decoder.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { readModel } from '#workers/onnx/read.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModelFile } from '#workers/onnx/write.ts';
import { expandQuantised } from './expand.ts';
import { liftWeights, QUANTISED_READERS } from './lift-weights.ts';
import type { Ort } from './ort.ts';
import { sliceLinears } from './slice-linears.ts';
import { WasmDecoder, type WasmModel } from './wasm-decoder.ts';

/** Small enough that the output head and some linears are cut. */
const PART = 16 * 1024;

/** Logits after a prompt and after one token more. */
async function logitsOf(ort: Ort, model: WasmModel): Promise<Float32Array[]> {
	const decoder = await WasmDecoder.create(ort, model);
	try {
		const state = decoder.createState();
		const results = [];
		for (const tokens of [[3, 1, 4, 1, 5, 9, 2, 6], [7]])
			results.push((await (await decoder.run(state, [tokens])).last(0)).slice());
		state.dispose();
		return results;
	} finally {
		await decoder.dispose();
	}
}

/** Loading weights from files, wherever they lie; each scenario gets an empty folder and a running onnxruntime. */
export const pourScenarios: Record<string, (folder: Folder, ort: Ort) => Promise<void>> = {
	'weights cut in parts and poured from a file give the same logits, bit by bit': async (folder, ort) => {
		for (const seed of [1, 2, 3]) {
			const config = randomDecoderConfig('llama', seededRandom(seed));
			// 4-bit weights and a table of 8 bits, held once where the output head is tied to it.
			Object.assign(config, { tied: seed !== 3, vocab: 300, hidden: 96 });
			const zeroPoints = seed === 2;
			const built = buildDecoder(config, randomWeights(config, seed), { dtype: 'q4', zeroPoints });
			const bytes = joinSegments(writeModelFile(built).segments, new Map());
			const writing = await folder.openToWrite(`blobs/model-${seed}`);
			writing.write(0, bytes);
			writing.close();
			const file = await folder.openToRead(`blobs/model-${seed}`);
			if (!file) throw new Error('the file is gone');
			const sources = new Map([['model.onnx', file]]);
			const { model } = rewriteForServing(readModel(file), { lora: 'matmul', fuse: true });

			const wanted = await logitsOf(ort, ortModelOf(model, sources));
			const sliced = sliceLinears(model, PART);
			check(sliced.graph.nodes.size > model.graph.nodes.size, 'something was cut');
			const { model: lifted, weights } = liftWeights(sliced, QUANTISED_READERS);
			check(weights.length > 0, 'weights became inputs');
			const poured = { ...ortModelOf(lifted, sources), lifted: { weights, sources } };
			equal(await logitsOf(ort, poured), wanted, `poured, seed ${seed}`);

			const whole = expandQuantised(model, sources);
			const parts = expandQuantised(sliced, sources);
			equal(
				await logitsOf(ort, ortModelOf(parts.model, parts.sources)),
				await logitsOf(ort, ortModelOf(whole.model, whole.sources)),
				`float32, seed ${seed}`
			);
			file.close();
		}
	}
};
