import type { LoraSlot } from '#workers/onnx/slots.ts';
import { seededRandom } from '#test/support/random.ts';
import type { Values } from './run-decoder.ts';

/** One module's adapter: A [rank, in] and B [out, rank] as PEFT stores them, scale already in B. */
interface ModuleAdapter {
	rank: number;
	a: Float32Array;
	b: Float32Array;
}

/** A random adapter for a decoder: `ranks` tells the rank for a module path, 0 for none. */
export class TestAdapter {
	readonly #seed: number;
	readonly #ranks: (path: string) => number;

	constructor(seed: number, ranks: (path: string) => number) {
		this.#seed = seed;
		this.#ranks = ranks;
	}

	module(path: string, inFeatures: number, outFeatures: number): ModuleAdapter {
		const rank = this.#ranks(path);
		let hash = this.#seed;
		for (const letter of path) hash = (Math.imul(hash, 33) + letter.charCodeAt(0)) >>> 0;
		const random = seededRandom(hash);
		const values = (length: number, scale: number) =>
			Float32Array.from({ length }, () => (random() - 0.5) * 2 * scale);
		return {
			rank,
			a: values(rank * inFeatures, 0.3),
			b: values(outFeatures * rank, 0.3 / Math.sqrt(rank || 1))
		};
	}

	/** W + B A, added up in float64. */
	merge(path: string, weight: Float32Array, inFeatures: number): Float32Array {
		const outFeatures = weight.length / inFeatures;
		const { rank, a, b } = this.module(path, inFeatures, outFeatures);
		return weight.map((value, i) => {
			const [row, column] = [Math.floor(i / inFeatures), i % inFeatures];
			let sum = value;
			for (let r = 0; r < rank; r++) sum += (b[row * rank + r] ?? 0) * (a[r * inFeatures + column] ?? 0);
			return sum;
		});
	}
}

/** The feeds of a slot's A and B: one adapter for each batch row, or one for all. Smaller ranks are padded with zeros. */
export function slotFeeds(
	slots: readonly LoraSlot[],
	adapters: readonly TestAdapter[]
): Record<string, Values> {
	const feeds: Record<string, Values> = {};
	for (const slot of slots) {
		const { inFeatures, outFeatures } = slot;
		const rows = adapters.map((adapter) =>
			slot.parts.map((part) => ({ part, ...adapter.module(part.path, inFeatures, part.outFeatures) }))
		);
		const rank = Math.max(...rows.map((modules) => modules.reduce((sum, module) => sum + module.rank, 0)));
		const a = new Float32Array(adapters.length * inFeatures * rank);
		const b = new Float32Array(adapters.length * rank * outFeatures);
		rows.forEach((modules, row) => {
			let from = 0;
			for (const module of modules) {
				for (let r = 0; r < module.rank; r++) {
					for (let i = 0; i < inFeatures; i++)
						a[(row * inFeatures + i) * rank + from + r] = module.a[r * inFeatures + i] ?? 0;
					for (let o = 0; o < module.part.outFeatures; o++)
						b[(row * rank + from + r) * outFeatures + module.part.offset + o] =
							module.b[o * module.rank + r] ?? 0;
				}
				from += module.rank;
			}
		});
		feeds[slot.a] = { data: a, dims: [adapters.length, inFeatures, rank] };
		feeds[slot.b] = { data: b, dims: [adapters.length, rank, outFeatures] };
	}
	return feeds;
}

/** No adapter at all: rank 0, or zeros of a rank for providers that take no empty tensors. */
export const noAdapter = (slots: readonly LoraSlot[], rank = 0): Record<string, Values> =>
	Object.fromEntries(
		slots.flatMap(({ a, b, inFeatures, outFeatures, dataType }) => {
			const zeros = (length: number) =>
				dataType === 'float16' ? new Uint16Array(length) : new Float32Array(length);
			return [
				[a, { data: zeros(inFeatures * rank), dims: [1, inFeatures, rank] }],
				[b, { data: zeros(rank * outFeatures), dims: [1, rank, outFeatures] }]
			];
		})
	);
