import type { ByteSource } from '#workers/bytes.ts';
import type { Model } from '#workers/onnx/model.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { CandidateRequest } from '#workers/runtime/candidates.ts';
import type { AdapterArrays } from '#workers/runtime/decoder.ts';
import type { OrtModel } from '#workers/runtime/ort-session.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { slotFeeds, type TestAdapter } from './onnx/slot-values.ts';

type Sources = ReadonlyMap<string, ByteSource>;

/** A model as the runtime takes it. Weights in memory need no sources. */
export function ortModelOf(model: Model, sources: Sources = new Map()): OrtModel {
	const { graph, weights, weightsPath } = writeModel(model);
	return { graph, weights: { path: weightsPath, source: segmentSource(weights, sources) } };
}

/** A decoder on wasm whose graph takes adapters. */
export async function openWasmDecoder(
	ort: Ort,
	model: Model,
	sources: Sources = new Map()
): Promise<{ decoder: WasmDecoder; slots: LoraSlot[] }> {
	const { model: serving, slots } = rewriteForServing(model, { lora: 'matmul', fuse: true });
	return { decoder: await WasmDecoder.create(ort, ortModelOf(serving, sources)), slots };
}

/** A test adapter as one device upload. */
export function adapterArrays(slots: readonly LoraSlot[], adapter: TestAdapter): AdapterArrays {
	return new Map(
		Object.entries(slotFeeds(slots, [adapter])).map(([name, { data, dims }]) => [
			name,
			{ dataType: 'float32', data, dims }
		])
	);
}

/** What a greedy sampler asks for. */
export const GREEDY_REQUEST: CandidateRequest = {
	count: 1,
	temperature: 0,
	penalty: 1,
	seen: [],
	logProbs: false
};

/** Largest difference relative to the largest expected magnitude. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
	let apart = 0;
	let largest = 0;
	for (const [i, value] of expected.entries()) {
		apart = Math.max(apart, Math.abs(value - (actual[i] ?? NaN)));
		largest = Math.max(largest, Math.abs(value));
	}
	return apart / largest;
}
