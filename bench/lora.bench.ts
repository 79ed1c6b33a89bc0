import type { DeviceAdapter } from '#workers/runtime/decoder.ts';
import { randomInputs } from './support/adapter.ts';
import { openShape, SHAPES, type Shape } from './support/models.ts';
import { median, spread, time } from './support/statistics.ts';

const RUNS = 15;
const TOKENS = 12;
const PROMPT = Array.from({ length: 32 }, (_, i) => 10 + i);

/** Decode speed with one rank-16 adapter on every linear, as a share of the base's; runs alternate. */
export async function run() {
	const shapes: Record<string, object> = {};
	for (const shape of SHAPES) shapes[shape] = await measure(shape);
	const worst = Math.min(
		...Object.values(shapes).map((figures) => (figures as { adapter_over_base: number }).adapter_over_base)
	);
	return { adapter_over_base: worst, rank: 16, runs: RUNS, shapes };
}

async function measure(shape: Shape) {
	const { decoder, slots } = await openShape(shape);
	const adapter = decoder.upload(randomInputs(slots, 16, 1));
	const decode = async (used: DeviceAdapter | undefined) => {
		const state = decoder.createState();
		await decoder.run(state, [PROMPT], { adapters: [used] });
		const elapsed = await time(async () => {
			for (let token = 0; token < TOKENS; token++)
				await decoder.run(state, [[50 + token]], { adapters: [used] });
		});
		state.dispose();
		return elapsed / TOKENS;
	};
	await decode(undefined);
	await decode(adapter);
	const base: number[] = [];
	const adapted: number[] = [];
	for (let i = 0; i < RUNS; i++) {
		base.push(await decode(undefined));
		adapted.push(await decode(adapter));
	}
	await decoder.dispose();
	const ratios = base.map((value, i) => value / (adapted[i] as number));
	return {
		adapter_over_base: median(ratios),
		spread: spread(ratios),
		base_step_ms: median(base),
		adapter_step_ms: median(adapted)
	};
}
