import { modulesOf, type DecoderModule } from '../decoder.ts';
import type { Graph } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';
import type { LoweredDecoder } from '../lower/decoder.ts';
import type { LoweredLinear } from '../lower/linear.ts';
import type { LayoutBuilder } from './parameters.ts';
import type { Trained } from './trained.ts';

export interface LoraOptions {
	rank: number;
	/** 'q_proj', …; undefined for every linear of the layers. */
	modules?: readonly string[];
	/** Layers that get an adapter; undefined for all. */
	layers?: readonly number[];
}

/** Modules that read the same value. */
interface Group {
	/** [batch · sequence, inFeatures] */
	x: string;
	inFeatures: number;
	modules: DecoderModule[];
}

/** As PEFT names it. */
export const tensorName = (module: DecoderModule, letter: 'A' | 'B') =>
	`base_model.model.${module.path}.lora_${letter}.weight`;

/** The modules chosen, by the value that they read. */
export function groupModules(lowered: LoweredDecoder, { modules, layers }: LoraOptions): Group[] {
	const chosen = lowered.layers
		.filter(({ layer }) => layers?.includes(layer) ?? true)
		.flatMap(modulesOf)
		.filter(({ module }) => modules?.includes(module) ?? true);
	const groups = new Map<string, Group>();
	for (const module of chosen) {
		const x = lowered.linears.get(module.section.linear.node)?.x;
		if (x === undefined) continue;
		const group = groups.get(x) ?? { x, inFeatures: module.inFeatures, modules: [] };
		group.modules.push(module);
		groups.set(x, group);
	}
	return [...groups.values()];
}

/** How far the dropout mask is shifted from one place it is used at to the next. */
const STRIDE = 17;

/**
 * Adds LoRA (Hu et al. 2021) to the linears chosen: y + scale · (x · Aᵀ) · Bᵀ, with A [rank, in] and B [out, rank] cut from the
 * parameter vector. Modules that read the same value share one product for all their A.
 */
export class LoraBranches {
	readonly #graph: Graph;
	readonly #write: GraphWriter;
	readonly #lowered: LoweredDecoder;
	readonly #options: LoraOptions;
	readonly #groups: Group[];

	constructor(write: GraphWriter, lowered: LoweredDecoder, options: LoraOptions) {
		this.#graph = lowered.model.graph;
		this.#write = write;
		this.#lowered = lowered;
		this.#options = options;
		this.#groups = groupModules(lowered, options);
	}

	/** Columns of the dropout mask that all branches together need. */
	get dropoutWidth(): number {
		return Math.max(0, ...this.#groups.map(({ inFeatures }, i) => inFeatures + i * STRIDE));
	}

	/** @param dropout mask [batch · sequence, dropoutWidth] */
	add(layout: LayoutBuilder, trained: Trained, scale: string, dropout: string | undefined): void {
		this.#groups.forEach((group, i) => {
			const { rank } = this.#options;
			const { modules, inFeatures } = group;
			const shapeOfA = [rank, inFeatures];
			const offsets = modules.map((module) => layout.add(tensorName(module, 'A'), shapeOfA));
			const a = trained.take(offsets[0] ?? 0, [modules.length * rank, inFeatures]);
			const x = this.#dropped(group, i, dropout);
			const u = this.#write.op('Mul', [this.#write.op('Gemm', [x, a], { transB: 1 }), scale]);
			const shares =
				modules.length > 1
					? this.#write.split(
							u,
							modules.map(() => rank)
						)
					: [u];
			const branches = modules.map((module, j) => {
				const shape = [module.outFeatures, rank];
				const b = trained.take(layout.add(tensorName(module, 'B'), shape), shape);
				return { module, u: shares[j] ?? '', b };
			});
			for (const linear of new Set(modules.map(({ section }) => section.linear.node))) {
				const own = branches.filter(({ module }) => module.section.linear.node === linear);
				const lowered = this.#lowered.linears.get(linear);
				if (lowered) this.#branch(lowered, own);
			}
		});
	}

	/** The group's input under its own stretch of the dropout mask. */
	#dropped({ x, inFeatures }: Group, index: number, dropout: string | undefined): string {
		if (dropout === undefined) return x;
		const [from, to, axis] = [index * STRIDE, index * STRIDE + inFeatures, 1].map((value) =>
			this.#write.integers(value)
		);
		return this.#write.op('Mul', [x, this.#write.op('Slice', [dropout, from, to, axis] as string[])]);
	}

	/** Adds the branches of one linear to its output, each to the features of its module. */
	#branch({ y, linear }: LoweredLinear, branches: { module: DecoderModule; u: string; b: string }[]): void {
		const write = this.#write;
		const readers = [...this.#graph.consumers(y)];
		const pieces: { size: number; branch?: (typeof branches)[number] }[] = [];
		let at = 0;
		for (const branch of branches.toSorted((a, b) => a.module.section.offset - b.module.section.offset)) {
			const { offset, size } = branch.module.section;
			if (offset > at) pieces.push({ size: offset - at });
			pieces.push({ size, branch });
			at = offset + size;
		}
		if (at < linear.outFeatures) pieces.push({ size: linear.outFeatures - at });
		const parts =
			pieces.length > 1
				? write.split(
						y,
						pieces.map(({ size }) => size)
					)
				: [y];
		const sums = pieces.map(({ branch }, i) => {
			const part = parts[i] ?? '';
			if (!branch) return part;
			return write.op('Gemm', [branch.u, branch.b, part], { transB: 1 });
		});
		const sum = sums.length > 1 ? write.op('Concat', sums, { axis: -1 }) : (sums[0] ?? '');
		for (const node of readers)
			this.#graph.update(node, { inputs: node.inputs.map((input) => (input === y ? sum : input)) });
	}
}
