import { graphTensors } from '#test/support/graph-tensors.ts';
import { relativeError } from '#test/support/decoders.ts';
import type { Values } from '#test/support/onnx/run-decoder.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import { expectedTensors } from '#workers/models/builder/weights.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { expandQuantised } from '#workers/runtime/expand.ts';
import { readFileSync } from 'node:fs';
import { arbitraryFeeds, loadEngine, openLoss } from './loss-session.ts';
import { modelFolder, readShapeGraph } from './models.ts';
import { time } from './statistics.ts';

const [BATCH, LENGTH, RANK] = [2, 64, 8];

/** One LoRA step of nano (loss and gradient, float32 weights, 2 × 64 tokens) by our graph and by jax-js, on wasm, one thread. */
export async function measure({ rounds }: { rounds: number }) {
	const { read } = readShapeGraph('nano');
	const config = parseModelConfig(
		JSON.parse(readFileSync(new URL('config.json', modelFolder('nano')), 'utf8')) as object
	);
	const tensors = graphTensors(read.model.graph, config, read.sources);
	const { model, sources } = expandQuantised(read.model, read.sources);
	const graph = trainGraph(model, { lora: { rank: RANK } });
	const feeds = arbitraryFeeds(BATCH, LENGTH, config.vocab, graph.layout);
	const ours = await openLoss(await loadEngine('wasm'), graph, sources, { executionProviders: ['wasm'] });

	// Without shared memory jax-js computes on one thread, as we do.
	Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
	const { jaxNano } = await import('./jax-nano.ts');
	const shapes = new Map(expectedTensors(config));
	const tensor = (name: string) => ({
		data: Float32Array.from(tensors(name) as Float32Array),
		dims: shapes.get(name) as number[]
	});
	const jax = await jaxNano(config, tensor, RANK, 2, feeds.input_ids?.data as Int32Array<ArrayBuffer>, [
		BATCH,
		LENGTH
	]);
	const adapters = lorasOf(graph.layout.slices, feeds.parameters);
	const first = await jax.run(adapters.map(({ a, b }) => ({ a: a.values, b: b.values })));
	const out = await ours(feeds);
	const loss = (out.loss?.data as Float32Array).reduce((sum, value) => sum + value, 0);
	const found = new Float32Array(graph.layout.length);
	adapters.forEach(({ a, b }, i) => {
		found.set(first.gradients[2 * i] as Float32Array, a.offset);
		found.set(first.gradients[2 * i + 1] as Float32Array, b.offset);
	});
	const times = { ours: [] as number[], jax: [] as number[] };
	for (let round = 0; round < rounds; round++) {
		times.ours.push(await time(() => ours(feeds)));
		times.jax.push(await time(() => jax.run(adapters.map(({ a, b }) => ({ a: a.values, b: b.values })))));
	}
	return {
		ours_ms: Math.round(Math.min(...times.ours)),
		jax_ms: Math.round(Math.min(...times.jax)),
		loss_difference: Math.abs(first.loss / loss - 1),
		gradient_difference: relativeError(found, out.gradient?.data as Float32Array)
	};
}

/** A and B of each linear in the order of the layout. */
function lorasOf(
	slices: readonly { name: string; offset: number; shape: readonly number[] }[],
	parameters: Values
) {
	const modules = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj']; // prettier-ignore
	const all = parameters.data as Float32Array;
	const piece = (name: string) => {
		const { offset, shape } = slices.find((slice) => slice.name === name) as (typeof slices)[number];
		return {
			offset,
			values: new Float32Array(all.subarray(offset, offset + (shape[0] ?? 0) * (shape[1] ?? 0)))
		};
	};
	const layers = slices.length / modules.length / 2;
	return Array.from({ length: layers }, (_, layer) =>
		modules.map((module) => {
			const path = `base_model.model.model.layers.${layer}.${module}`;
			return { a: piece(`${path}.lora_A.weight`), b: piece(`${path}.lora_B.weight`) };
		})
	).flat();
}
