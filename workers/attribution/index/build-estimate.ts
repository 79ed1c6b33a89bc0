import type { BuildEstimate } from '../api.ts';
import { MAX_DIMS, POWER_STEPS, PROBED, PROBES, widthOf } from './build-index.ts';
import type { SampleGradients } from '../gradients.ts';
import type { indexRows } from './index-rows.ts';

/** Rows that are measured. */
const TRIED = 8;

/**
 * What an index of these rows takes on this device: the gradients of a few rows, by their tokens, and a product of matrices, by its size.
 *
 * @param given rows before those that teach nothing were left out
 */
export async function estimateBuild(
	gradients: SampleGradients,
	{ taken, groups }: Pick<ReturnType<typeof indexRows>, 'taken' | 'groups'>,
	given: number,
	signal: AbortSignal
): Promise<BuildEstimate> {
	const credited = taken.filter((_, i) => (groups[i] ?? -1) < 0 || groups[i] === i);
	const tokens = (rows: typeof credited) =>
		rows.reduce((sum, { samples }) => sum + samples.reduce((all, { ids }) => all + ids.length, 0), 0);
	const step = Math.max(1, Math.floor(credited.length / TRIED));
	const tried = credited.filter((_, i) => i % step === 0).slice(0, TRIED);
	const samples = tried.flatMap(({ samples: [first] }) => (first ? [first] : []));
	const seconds = async (work: () => Promise<unknown>) => {
		const start = performance.now();
		await work();
		signal.throwIfAborted();
		return (performance.now() - start) / 1000;
	};
	// The first run allocates.
	await gradients.of(samples.slice(0, 1));
	const sampled = samples.reduce((sum, { ids }) => sum + ids.length, 0);
	const perToken = (await seconds(() => gradients.of(samples))) / Math.max(1, sampled);

	const probed = Math.min(credited.length, PROBED);
	const directions = Math.min(credited.length, MAX_DIMS);
	const { dims, width } = widthOf(directions, gradients.size);
	const products = await gradients.products();
	const tile = new Float32Array(64 * width).fill(1);
	const perProduct = await seconds(() => products.byRows(tile, tile, width));
	await products.dispose();
	// Every direction with every other, twice (Gram matrix, mixing); with every row, twice in each power step and once at the end.
	const powerSteps = credited.length > MAX_DIMS ? POWER_STEPS : 0;
	const pairs = directions * (2 * directions * (powerSteps + 1) + credited.length * (2 * powerSteps + 1));
	return {
		rows: taken.length,
		repeated: taken.length - credited.length,
		left: given - taken.length,
		// Each row at the base and half way, and some token by token.
		seconds:
			perToken * (2 * tokens(credited) + (PROBES * tokens(credited) * probed) / credited.length) +
			(perProduct * pairs) / 64 ** 2,
		bytes: taken.length * (dims + 36) + (dims / 2 + 2) * width,
		bytesMeanwhile: credited.length * 4 * width
	};
}
