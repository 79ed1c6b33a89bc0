import { randomInputs } from './support/adapter.ts';
import { openShape, SHAPES, type Shape } from './support/models.ts';
import { median, spread, time } from './support/statistics.ts';

const RUNS = 15;
const TOKENS = 24;
const RANK = 16;
const PROMPT = Array.from({ length: 32 }, (_, i) => 10 + i);

/**
 * Decode speed with one rank-16 adapter on every linear, as a share of the base's. Both decode side by side, a step of one and
 * a step of the other in turn, so that what else the machine does hits both; a run's share is that of its medians.
 */
export async function run() {
	const shapes: Record<string, Awaited<ReturnType<typeof measure>>> = {};
	for (const shape of SHAPES) shapes[shape] = await measure(shape);
	const worst = Math.min(...Object.values(shapes).map(({ adapter_over_base }) => adapter_over_base));
	return { adapter_over_base: worst, rank: RANK, runs: RUNS, tokens: TOKENS, shapes };
}

async function measure(shape: Shape) {
	const { decoder, slots } = await openShape(shape);
	const contestants = [undefined, decoder.upload(randomInputs(slots, RANK, 1))];
	const decode = async () => {
		const states = contestants.map(() => decoder.createState());
		for (const [i, state] of states.entries())
			await decoder.run(state, [PROMPT], { adapters: [contestants[i]] });
		const steps: number[][] = contestants.map(() => []);
		for (let token = 0; token < TOKENS; token++)
			for (const [i, state] of states.entries()) {
				const run = () => decoder.run(state, [[50 + token]], { adapters: [contestants[i]] });
				steps[i]?.push(await time(run));
			}
		for (const state of states) state.dispose();
		return steps;
	};
	await decode();
	const base: number[] = [];
	const adapted: number[] = [];
	const ratios: number[] = [];
	for (let i = 0; i < RUNS; i++) {
		const [plain = [], withAdapter = []] = await decode();
		base.push(...plain);
		adapted.push(...withAdapter);
		ratios.push(median(plain) / median(withAdapter));
	}
	await decoder.dispose();
	const products = slots.flatMap(({ inFeatures, outFeatures, parts }) =>
		parts.map(() => inFeatures + outFeatures)
	);
	return {
		adapter_over_base: median(ratios),
		spread: spread(ratios),
		base_step_ms: median(base),
		adapter_step_ms: median(adapted),
		/** Of the fastest steps: what the machine's other work disturbs least. */
		fastest: Math.min(...base) / Math.min(...adapted),
		adapter_multiplications: RANK * products.reduce((sum, width) => sum + width, 0)
	};
}
