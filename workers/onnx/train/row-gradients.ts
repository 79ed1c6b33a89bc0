import type { DecoderModule } from '../decoder.ts';
import type { GraphWriter } from '../graph-writer.ts';
import type { LoweredDecoder } from '../lower/decoder.ts';
import { ROW_SHAPE } from '../lower/inputs.ts';
import { groupModules, tensorName, type LoraOptions } from './lora.ts';
import type { LayoutBuilder } from './parameters.ts';

/** One module, and what its B would be multiplied with. */
interface Reading {
	module: DecoderModule;
	/** x · Aᵀ: [batch · sequence, rank]. */
	u: string;
	/** The output of its linear: [batch · sequence, out]. */
	y: string;
}

/**
 * Gradients of each row of a batch with respect to every B of an adapter whose B are zero: the base computes, and ∂/∂B = ∂/∂yᵀ · x · Aᵀ
 * needs nothing of the adapter but its A. So the way there and back costs no more than the base's own.
 */
export class RowGradients {
	readonly #write: GraphWriter;
	readonly #rank: number;
	readonly #readings: Reading[] = [];

	/** @param parameters the value that holds all A, [layout.length]; their places are added to `layout` */
	constructor(
		write: GraphWriter,
		lowered: LoweredDecoder,
		options: LoraOptions,
		parameters: string,
		layout: LayoutBuilder
	) {
		this.#write = write;
		const { rank } = options;
		this.#rank = rank;
		for (const { x, inFeatures, modules } of groupModules(lowered, options)) {
			const [from = 0] = modules.map((module) => layout.add(tensorName(module, 'A'), [rank, inFeatures]));
			const bounds = [from, layout.length, 0].map((value) => write.integers(value));
			const flat = write.op('Slice', [parameters, ...bounds]);
			const a = write.op('Reshape', [flat, write.integers(-1, inFeatures)]);
			const all = write.op('Gemm', [x, a], { transB: 1 });
			const shares = modules.map(() => rank);
			const parts = modules.length > 1 ? write.split(all, shares) : [all];
			modules.forEach((module, i) => {
				const y = lowered.linears.get(module.section.linear.node)?.y ?? '';
				this.#readings.push({ module, u: parts[i] ?? '', y });
			});
		}
	}

	/** Numbers in the gradient of one row. */
	get width(): number {
		return this.#readings.reduce((sum, { module }) => sum + this.#rank * module.outFeatures, 0);
	}

	/** The values whose gradients `gather` needs. */
	get outputs(): string[] {
		return [...new Set(this.#readings.map(({ y }) => y))];
	}

	/** [batch, Σ rank · out]: module by module in the order of the parameters, each transposed, [rank, out]. */
	gather(gradients: ReadonlyMap<string, string>, output: string): void {
		const write = this.#write;
		const parts = this.#readings.map(({ module, u, y }) => {
			const gradient = gradients.get(y);
			if (gradient === undefined) throw new RangeError(`the loss does not depend on ${module.path}`);
			const { linear, offset, size } = module.section;
			const bounds = [offset, offset + size, 1].map((value) => write.integers(value));
			const own = size === linear.outFeatures ? gradient : write.op('Slice', [gradient, ...bounds]);
			const [left = '', right = ''] = [u, own].map((value) => write.op('Reshape', [value, ROW_SHAPE]));
			const product = write.op('MatMul', [write.op('Transpose', [left], { perm: [0, 2, 1] }), right]);
			return write.op('Reshape', [product, write.integers(0, -1)]);
		});
		write.op('Concat', parts, { axis: 1 }, output);
	}
}
