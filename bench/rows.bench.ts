import type { DeviceAdapter } from '#workers/runtime/decoder.ts';
import { randomInputs } from './support/adapter.ts';
import { openShape, SHAPES, type Shape } from './support/models.ts';
import { median, spread, time } from './support/statistics.ts';

const ROWS = 4;
const RUNS = 9;
const TOKENS = 12;
const PROMPT = Array.from({ length: 32 }, (_, i) => 10 + i);

/** Four replies with four adapters: as rows of one batch, against one after another. Decoding only. */
export async function run() {
	const shapes: Record<string, { speedup: number }> = {};
	for (const shape of SHAPES) shapes[shape] = await measure(shape);
	return {
		speedup: Math.min(...Object.values(shapes).map(({ speedup }) => speedup)),
		rows: ROWS,
		rank: 8,
		runs: RUNS,
		shapes
	};
}

async function measure(shape: Shape) {
	const { decoder, slots } = await openShape(shape);
	const adapters = Array.from({ length: ROWS }, (_, i) => decoder.upload(randomInputs(slots, 8, i)));
	const prefilled = async (adapter: DeviceAdapter | undefined) => {
		const state = decoder.createState();
		await decoder.run(state, [PROMPT], { adapters: [adapter] });
		return state;
	};
	const oneByOne = async () => {
		let elapsed = 0;
		for (const adapter of adapters) {
			const state = await prefilled(adapter);
			elapsed += await time(async () => {
				for (let token = 0; token < TOKENS; token++)
					await decoder.run(state, [[50 + token]], { adapters: [adapter] });
			});
			state.dispose();
		}
		return elapsed;
	};
	const together = async () => {
		const states = [];
		for (const adapter of adapters) states.push(await prefilled(adapter));
		const batch = decoder.join(states);
		const elapsed = await time(async () => {
			for (let token = 0; token < TOKENS; token++)
				await decoder.run(
					batch,
					adapters.map(() => [50 + token]),
					{ adapters }
				);
		});
		for (const state of [...states, batch]) state.dispose();
		return elapsed;
	};
	await oneByOne();
	await together();
	const ratios: number[] = [];
	for (let i = 0; i < RUNS; i++) ratios.push((await oneByOne()) / (await together()));
	await decoder.dispose();
	return { speedup: median(ratios), spread: spread(ratios) };
}
