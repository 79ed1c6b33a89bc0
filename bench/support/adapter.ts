import type { LoraAdapter, LoraModule } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { packAdapter, type PackedAdapter } from '#workers/adapters/pack.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { AdapterArrays } from '#workers/runtime/decoder.ts';
import { uniform } from '#workers/generate/random.ts';

/** Drawn once: a thousand adapters of new values would take longer than what is measured. A prime number of them. */
const DRAWN = Float32Array.from({ length: 65_521 }, (_, i) => (uniform(1, i) - 0.5) * 0.02);

/** An all-linear adapter with small random weights: another part of the same draws for each seed. */
export function randomAdapter(slots: readonly LoraSlot[], rank: number, seed: number): LoraAdapter {
	let at = seed * 7919;
	const values = (length: number) => {
		const drawn = new Float32Array(length);
		for (let i = 0; i < length; i++, at++) drawn[i] = DRAWN[at % DRAWN.length] as number;
		return drawn;
	};
	const modules = new Map<string, LoraModule>();
	for (const { inFeatures, parts } of slots)
		for (const { path, outFeatures } of parts)
			modules.set(path, {
				rank,
				inFeatures,
				outFeatures,
				scale: 2,
				a: values(rank * inFeatures),
				b: values(outFeatures * rank)
			});
	const config = parseAdapterConfig(
		JSON.stringify({ peft_type: 'LORA', r: rank, lora_alpha: 2 * rank, target_modules: 'all-linear' })
	);
	return { config, modules };
}

export const inputsOf = (packed: PackedAdapter, slots: readonly LoraSlot[]): AdapterArrays =>
	stackRows([packed], slots);

export function randomInputs(slots: readonly LoraSlot[], rank: number, seed: number): AdapterArrays {
	return inputsOf(packAdapter(randomAdapter(slots, rank, seed), slots), slots);
}
