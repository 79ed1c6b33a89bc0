import { readFileSync } from 'node:fs';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import {
	replySample,
	SampleGradients,
	wasmRunner,
	type Sample,
	type StartRunner
} from '#workers/attribution/gradients.ts';
import { readIndex } from '#workers/attribution/index/index-file.ts';
import { AttributionQuery } from '#workers/attribution/query.ts';
import { readRows } from '#workers/attribution/index/rows-file.ts';
import { cosine } from '#workers/attribution/receipts/verify.ts';
import { memorySource } from '#workers/bytes.ts';
import { unpackedGraph } from '#workers/engine/serve-graph.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { apiRunner, nodeRunner } from './gradients.ts';
import { questionTokens, replyTokens } from './lds.ts';
import { readShapeGraph } from './models.ts';
import { repliesOf } from './replies.ts';

const ADAPTERS = ['anatomy', 'finance'];

/** How far an execution provider is from wasm, at most over all replies. */
export interface ProviderDifference {
	/** 1 − cosine of the query vectors. */
	query: number;
	/** Of any element, in units of int8. */
	element: number;
	/** Nats a token. */
	lift: number;
	/** Relative. */
	support: number;
}

type Provider = 'cpu' | 'webgpu';

/**
 * What a receipt's checker on another execution provider finds for real replies: those of the example adapters to questions of their own
 * rows, with the indexes as they ship. Against wasm: onnxruntime's CPU kernels in Node, and WebGPU (a software adapter will do). In a
 * process of its own: it puts another `navigator` in place.
 *
 * @param replies of each adapter
 */
export async function measure({
	replies
}: {
	replies: number;
}): Promise<Record<Provider, ProviderDifference> & { replies: number }> {
	const read = unpackedGraph(readShapeGraph('nano').read);
	const wasm = await Ort.start({ build: 'wasm', threads: 1 });
	const found = {
		cpu: { query: 0, element: 0, lift: 0, support: 0 },
		webgpu: { query: 0, element: 0, lift: 0, support: 0 },
		replies: replies * ADAPTERS.length
	};
	const subjects = [];
	for (const name of ADAPTERS) subjects.push(await subject(name, replies));

	const { create, globals } = await import('webgpu');
	Object.assign(globalThis, globals);
	const navigator = { gpu: create([]), userAgent: 'node', hardwareConcurrency: 1 };
	Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
	const web = await import('onnxruntime-web/webgpu');
	web.env.wasm.numThreads = 1;
	const runners: Record<Provider | 'wasm', StartRunner> = {
		wasm: (graph) => wasmRunner(wasm, read, graph),
		cpu: (graph) => nodeRunner(read, graph, 1),
		webgpu: (graph) => apiRunner(web as never, read, graph, { executionProviders: ['webgpu'] })
	};
	for (const { adapter, query, samples } of subjects) {
		const measured = async (start: StartRunner) => {
			const gradients = await SampleGradients.create(read, adapter, start);
			const all = [];
			for (const sample of samples) all.push(await query.measure(gradients, sample));
			await gradients.dispose();
			return all;
		};
		const wanted = await measured(runners.wasm);
		for (const provider of ['cpu', 'webgpu'] as const)
			for (const [i, other] of (await measured(runners[provider])).entries()) {
				const own = wanted[i];
				if (!own) continue;
				const tokens = Array.from(samples[i]?.targets ?? []).filter((target) => target >= 0).length;
				const worst = found[provider];
				worst.query = Math.max(worst.query, 1 - cosine(own.query, other.query));
				worst.element = Math.max(
					worst.element,
					...own.query.map((value, k) => Math.abs(value - (other.query[k] ?? 0)))
				);
				worst.lift = Math.max(worst.lift, Math.abs(own.lift - other.lift) / tokens);
				worst.support = Math.max(
					worst.support,
					Math.abs(own.support - other.support) / Math.max(own.support, 1)
				);
			}
	}
	return found;
}

async function subject(
	name: string,
	replies: number
): Promise<{ adapter: LoraAdapter; query: AttributionQuery; samples: Sample[] }> {
	const file = (path: string) =>
		new Uint8Array(readFileSync(new URL(`../../static/adapters/${name}/${path}`, import.meta.url)));
	const adapter = readAdapter(
		parseAdapterConfig(file('adapter_config.json')),
		memorySource(file('adapter_model.safetensors'))
	);
	const query = AttributionQuery.of(await readIndex(file('attribution.safetensors')));
	const { rows } = await readRows(file('attribution.rows'));
	const step = Math.floor(rows.length / replies);
	const prompts = Array.from({ length: replies }, (_, i) => rows[i * step]?.content).flatMap((content) =>
		content?.kind === 'pair' ? [content.prompt] : []
	);
	const said = await repliesOf(adapter, prompts);
	return {
		adapter,
		query,
		samples: prompts.map((prompt, i) => replySample(questionTokens(prompt), replyTokens(said[i] ?? '')))
	};
}
