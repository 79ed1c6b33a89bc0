import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { packAdapter } from '#workers/adapters/pack.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import { writeAdapter } from '#workers/adapters/write-adapter.ts';
import { AdapterLibrary } from '#workers/engine/adapter-library.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import { OpfsFolder } from '#workers/models/store/opfs-folder.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { randomAdapter } from './support/adapter.ts';

/** SmolLM2-135M's linears: what packing works on. */
const slots: LoraSlot[] = Array.from({ length: 30 }, (_, layer) =>
	[
		[
			'qkv',
			576,
			[
				['self_attn.q_proj', 576],
				['self_attn.k_proj', 192],
				['self_attn.v_proj', 192]
			]
		],
		['o', 576, [['self_attn.o_proj', 576]]],
		[
			'gate_up',
			576,
			[
				['mlp.gate_proj', 1536],
				['mlp.up_proj', 1536]
			]
		],
		['down', 1536, [['mlp.down_proj', 576]]]
	].map(([name, inFeatures, parts]) => {
		let offset = 0;
		const laid = (parts as [string, number][]).map(([path, outFeatures]) => {
			offset += outFeatures;
			return {
				module: path.slice(path.indexOf('.') + 1),
				path: `model.layers.${layer}.${path}`,
				outFeatures,
				offset: offset - outFeatures
			};
		});
		return {
			name: `lora.${layer}.${name as string}`,
			layer,
			a: `lora.${layer}.${name as string}.A`,
			b: `lora.${layer}.${name as string}.B`,
			inFeatures: inFeatures as number,
			outFeatures: offset,
			dataType: 'float32' as const,
			parts: laid
		};
	})
).flat();

/** Reads, checks and packs adapters of about 5 MB from OPFS: milliseconds each, and their bytes. */
async function measure(): Promise<{ times: number[]; bytes: number }> {
	const store = await FileStore.open(await OpfsFolder.open('bench-swap'));
	const library = new AdapterLibrary(store);
	const base = { name: 'bench', hashes: [], slots };
	const times: number[] = [];
	let bytes = 0;
	for (let seed = 0; seed < 7; seed++) {
		const adapter = randomAdapter(slots, 8, seed);
		const config = parseAdapterConfig(
			JSON.stringify({ peft_type: 'LORA', r: 8, lora_alpha: 16, target_modules: 'all-linear' })
		);
		const files = writeAdapter({ ...adapter, config }, 'F16');
		bytes = files.get('adapter_model.safetensors')?.byteLength ?? 0;
		const id = await library.import(files);
		const start = performance.now();
		stackRows([packAdapter(await library.read(id, base), slots)], slots);
		times.push(performance.now() - start);
		await library.remove(id);
	}
	return { times, bytes };
}

void measure().then((result) => postMessage(result));
