import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { AdapterArrays } from '#workers/runtime/decoder.ts';
import { createSession } from './support/session.ts';
import { randomInputs } from './support/adapter.ts';
import { runInBrowser } from './support/in-browser.ts';
import { openShape } from './support/models.ts';
import { median, spread, time } from './support/statistics.ts';

const RUNS = 9;
const PROMPT = Array.from({ length: 32 }, (_, i) => 10 + i);

/**
 * What changing the adapter costs, on SmolLM2-135M's shape: resident, from OPFS (Chromium; reading, checking, packing,
 * copying to the device), and against merging it into the base: W + B·A for every linear, and a session anew.
 */
export async function run() {
	const { decoder, slots } = await openShape('smollm2-135m');
	const inputs = [0, 1].map((seed) => randomInputs(slots, 8, seed));
	const adapters = inputs.map((arrays) => decoder.upload(arrays));
	const firstToken = async (adapter: (typeof adapters)[number] | undefined) => {
		const state = decoder.createState();
		const elapsed = await time(() => decoder.run(state, [PROMPT], { adapters: [adapter] }));
		const step = await time(() => decoder.run(state, [[50]], { adapters: [adapter] }));
		state.dispose();
		return { elapsed, step };
	};
	await firstToken(adapters[0]);
	await firstToken(adapters[1]);
	const extra: number[] = [];
	const steps: number[] = [];
	for (let i = 0; i < RUNS; i++) {
		await firstToken(adapters[0]);
		const same = await firstToken(adapters[0]);
		const swapped = await firstToken(adapters[1]);
		extra.push(swapped.elapsed - same.elapsed);
		steps.push(same.step);
	}
	const uploads: number[] = [];
	for (const arrays of inputs) uploads.push(await time(() => decoder.upload(arrays).dispose()));
	await decoder.dispose();

	const { times, bytes } = await runInBrowser<{ times: number[]; bytes: number }>('bench/swap.worker.ts');
	const opfs = median(times) + median(uploads);
	const rebuilds: number[] = [];
	const merges: number[] = [];
	for (let i = 0; i < 3; i++) {
		merges.push(await time(() => merge(slots, randomInputs(slots, 8, i))));
		rebuilds.push((merges.at(-1) as number) + (await createSession('smollm2-135m')));
	}
	return {
		resident_steps: Math.max(0, median(extra) / median(steps)),
		opfs_ms: opfs,
		speedup_over_merge: median(rebuilds) / opfs,
		adapter_bytes: bytes,
		rebuild_ms: median(rebuilds),
		merge_ms: median(merges),
		shape: 'smollm2-135m',
		runs: RUNS,
		spread: { resident_ms: spread(extra), opfs_read_ms: spread(times), rebuild_ms: spread(rebuilds) }
	};
}

/** Adds every linear's B·A to a matrix of its size: what merging takes besides the session. */
function merge(slots: readonly LoraSlot[], adapter: AdapterArrays): void {
	for (const { a, b, inFeatures, outFeatures } of slots) {
		const [left, right] = [adapter.get(a), adapter.get(b)].map((array) => array?.data as Float32Array);
		if (!left || !right) throw new RangeError(`no weights for ${a}`);
		const rank = left.length / inFeatures;
		const weights = new Float32Array(inFeatures * outFeatures);
		for (let i = 0; i < inFeatures; i++) {
			const line = weights.subarray(i * outFeatures, (i + 1) * outFeatures);
			for (let k = 0; k < rank; k++) {
				const factor = left[i * rank + k] as number;
				const row = right.subarray(k * outFeatures, (k + 1) * outFeatures);
				for (let j = 0; j < outFeatures; j++) line[j] = (line[j] as number) + factor * (row[j] as number);
			}
		}
	}
}
