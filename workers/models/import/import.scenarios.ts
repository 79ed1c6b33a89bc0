import { check, equal, fails } from '#test/support/check.ts';
import { seededRandom } from '#test/support/random.ts';
import { memorySource } from '#workers/bytes.ts';
import { writeSafetensors } from '#workers/formats/safetensors.ts';
import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { expectedTensors } from '#workers/models/builder/weights.ts';
import { openModel } from '#workers/models/open-model.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { readModel } from '#workers/onnx/read.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import { importFolder } from './import-folder.ts';

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A Llama folder with random weights, a few tokens long in everything. */
function checkpointFolder(seed: number, layers = 2): Map<string, Uint8Array> {
	const config = {
		model_type: 'llama',
		hidden_size: 64,
		intermediate_size: 128,
		num_hidden_layers: layers,
		num_attention_heads: 4,
		num_key_value_heads: 2,
		vocab_size: 96,
		max_position_embeddings: 64,
		tie_word_embeddings: true,
		eos_token_id: 3
	};
	const random = seededRandom(seed);
	const tensors = [...expectedTensors(parseModelConfig(config))].map(([name, shape]) => {
		const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).map(() => random() - 0.5);
		return [name, { dtype: 'F32' as const, shape, data: new Uint8Array(data.buffer) }] as const;
	});
	const tokenizer = { model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2, '<end>': 3 }, merges: ['a b'] } };
	return new Map([
		['config.json', json(config)],
		['tokenizer.json', json(tokenizer)],
		['model.safetensors', writeSafetensors(new Map(tensors))]
	]);
}

const asFiles = (files: Map<string, Uint8Array>) =>
	[...files].map(([path, bytes]) => ({ path: `chosen/${path}`, file: new Blob([bytes.slice()]) }));

/** Importing safetensors reads chosen files synchronously: only in a dedicated worker. */
export const importScenarios: Record<string, (place: { folder: Folder; seed: number }) => Promise<void>> = {
	'safetensors become the same 4-bit model that is built in memory, and no scratch file stays': async (
		place
	) => {
		const { folder, seed } = place;
		const store = await FileStore.open(folder);
		const given = checkpointFolder(seed);
		const seen: LoadProgress[] = [];
		const id = await importFolder(store, asFiles(given), { onProgress: (progress) => seen.push(progress) });
		check(seen.every(({ phase }) => phase === 'prepare') && seen.length > 2, 'it tells of its progress');
		equal(await folder.names('parts'), []);
		const model = await openModel(store, id);
		equal([model.dtype, model.graph, model.contextLength], ['q4', 'onnx/model_q4.onnx', 64]);
		const { config, weights } = openCheckpoint((name) => {
			const bytes = given.get(name);
			return bytes && memorySource(bytes);
		});
		const expected = writeModel(buildDecoder(config, weights, { dtype: 'q4' }), 'model_q4.onnx_data');
		const [graph, data] = [model.files.get(model.graph), model.files.get(`${model.graph}_data`)];
		equal(graph?.read(0, graph.size), expected.graph, 'graph');
		equal(data?.read(0, data.size), joinSegments(expected.weights, new Map()), 'weights');
		if (!graph) throw new Error('no graph');
		const { slots } = rewriteForServing(readModel(graph, model.graph), { lora: 'matmul', fuse: true });
		equal(slots.length, 8, 'qkv, o, gate and up, down of two layers');
		const source = await sha256Hex(given.get('model.safetensors') ?? new Uint8Array());
		check(model.hashes.includes(source), 'an adapter over the safetensors fits what was built from them');
		await model.close();
	},
	'a cancel is heard while weights are built, and nothing stays': async ({ folder, seed }) => {
		const store = await FileStore.open(folder);
		const controller = new AbortController();
		// As the page's cancel: a message that waits until the worker lets events in.
		const onProgress = () => void setTimeout(() => controller.abort());
		const given = asFiles(checkpointFolder(seed, 40));
		await fails(() => importFolder(store, given, { onProgress, signal: controller.signal }), 'aborted');
		for (const directory of ['blobs', 'parts']) equal(await folder.names(directory), [], directory);
	},
	'truncated safetensors are refused, and nothing of them stays': async ({ folder, seed }) => {
		const store = await FileStore.open(folder);
		const given = checkpointFolder(seed);
		given.set('model.safetensors', (given.get('model.safetensors') ?? new Uint8Array()).slice(0, -100));
		await fails(() => importFolder(store, asFiles(given)), 'safetensors/malformed');
		for (const directory of ['blobs', 'parts']) equal(await folder.names(directory), [], directory);
		equal((await store.report()).pending, []);
	}
};
