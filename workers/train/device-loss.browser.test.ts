import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { expect, onTestFinished, test } from 'vitest';
import { bonesPlan } from '#test/support/bones.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { ModelLibrary } from '#workers/models/library.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModelFile } from '#workers/onnx/write.ts';
import type { TrainEvent } from './api.ts';
import { TrainService } from './service.ts';

const appUrl = `${location.origin}/`;
const SHAPE = {
	architectures: ['LlamaForCausalLM'],
	model_type: 'llama',
	hidden_size: 64,
	intermediate_size: 64,
	num_hidden_layers: 1,
	num_attention_heads: 2,
	num_key_value_heads: 1,
	head_dim: 32,
	vocab_size: 4096,
	max_position_embeddings: 128,
	rms_norm_eps: 1e-5,
	rope_theta: 10000,
	tie_word_embeddings: true
};

/** A model of one layer with nano's tokenizer: on SwiftShader nearly all the time goes into compiling shaders. */
async function importSmall(folder: MemoryFolder): Promise<string> {
	const config = parseModelConfig(SHAPE);
	const { segments } = writeModelFile(buildDecoder(config, randomWeights(config, 1), { dtype: 'q4' }));
	const taken = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'].map(async (path) => ({
		path,
		file: await (await fetch(`${appUrl}models/nano/${path}`)).blob()
	}));
	return new ModelLibrary(await FileStore.open(folder), appUrl).import([
		...(await Promise.all(taken)),
		{ path: 'config.json', file: new Blob([JSON.stringify(SHAPE)]) },
		{ path: 'onnx/model_q4.onnx', file: new Blob([joinSegments(segments, new Map())]) }
	]);
}

/** Every GPU device that is opened from now on. */
function openedDevices(): GPUDevice[] {
	const opened: GPUDevice[] = [];
	const { requestDevice } = GPUAdapter.prototype;
	GPUAdapter.prototype.requestDevice = async function (...options) {
		const device = await requestDevice.apply(this, options);
		opened.push(device);
		return device;
	};
	onTestFinished(() => void (GPUAdapter.prototype.requestDevice = requestDevice));
	return opened;
}

test('a GPU that is lost while an adapter is trained is opened anew, and no step is missing or learnt twice', async () => {
	const folder = new MemoryFolder();
	const base = await importSmall(folder);
	const [jspi, wasm] = [
		{ mjs: jspiMjs, wasm: jspiWasm },
		{ mjs: wasmMjs, wasm: wasmBinary }
	];
	const service = new TrainService({ folder, appUrl, ortUrls: { jspi, asyncify: jspi, wasm } });
	const opened = openedDevices();
	const plan = bonesPlan('lost', {
		base,
		provider: 'webgpu',
		// Each graph more is compiled twice.
		hyperparameters: {
			steps: 4,
			batchTokens: 64,
			targetModules: ['q_proj'],
			distillation: 0,
			validationShare: 0
		}
	});
	const told: TrainEvent[] = [];
	let lost = 0;
	const summary = await service.start(plan, (event) => {
		told.push(event);
		// In the middle of the third step.
		if (event.type === 'step' && event.step === 2 && lost++ === 0) setTimeout(() => opened.at(-1)?.destroy());
	});
	expect(lost).toBeGreaterThan(1);
	expect(summary).toMatchObject({ state: 'finished', provider: 'webgpu', step: 4, steps: 4 });
	expect(told).toContainEqual({
		type: 'caution',
		text: expect.stringContaining('went on from its last checkpoint') as string
	});
	const { curve } = await service.run(plan.id);
	expect(curve.map(({ step }) => step)).toEqual(Array.from({ length: summary.steps }, (_, i) => i + 1));

	// One that is lost again and again is given up, with what to do; what was learnt stays.
	opened.push = (device) => (device.destroy(), 0);
	await expect(service.resume(plan.id, () => undefined)).rejects.toMatchObject({
		code: 'device/lost',
		remedy: expect.stringContaining('resume the run') as string
	});
	expect(await service.run(plan.id)).toMatchObject({ state: 'finished', step: 4 });
}, 300_000);
