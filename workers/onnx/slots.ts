import type { LayerStructure } from './layers.ts';
import type { Linear } from './linear.ts';
import type { Section } from './sections.ts';

/** One module's share of a slot. */
export interface LoraPart {
	/** 'q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj' or 'down_proj'. */
	module: string;
	/** 'model.layers.3.self_attn.q_proj'. */
	path: string;
	outFeatures: number;
	/** Column where this part starts in the slot's output. */
	offset: number;
}

/**
 * One LoRA branch of the serve graph, shared by the linears that read the same value:
 * y[r] += x[r] · A[r] · B[r] for each batch row r, or with one adapter for all rows where the inputs' first axis is 1.
 * The parts' ranks lie side by side: A holds their columns, B is block-diagonal over them.
 */
export interface LoraSlot {
	/** 'lora.3.qkv', 'lora.3.o', 'lora.3.gate_up', 'lora.3.down'. */
	name: string;
	layer: number;
	/** Graph input [adapter_batch, inFeatures, rank]. */
	a: string;
	/** Graph input [adapter_batch, rank, outFeatures]; alpha / r is already multiplied in. */
	b: string;
	inFeatures: number;
	outFeatures: number;
	dataType: 'float32' | 'float16';
	parts: LoraPart[];
}

/** A slot and the linears it belongs to, in the order of their columns. */
export interface SlotGroup {
	slot: LoraSlot;
	input: string;
	linears: Linear[];
}

/** Groups a layer's linears by the value they read. */
export function slotGroups(structure: LayerStructure): SlotGroup[] {
	const { layer, attention, mlp } = structure;
	const whole = (linear: Linear): Section => ({
		linear,
		value: linear.output,
		offset: 0,
		size: linear.outFeatures
	});
	const families: [name: string, group: string, modules: [string, Section | undefined][]][] = [
		['qkv', 'self_attn', [['q_proj', attention?.q], ['k_proj', attention?.k], ['v_proj', attention?.v]]], // prettier-ignore
		['o', 'self_attn', [['o_proj', attention && whole(attention.o)]]],
		['gate_up', 'mlp', [['gate_proj', mlp?.gate], ['up_proj', mlp?.up]]], // prettier-ignore
		['down', 'mlp', [['down_proj', mlp && whole(mlp.down)]]]
	];
	return families.flatMap(([name, group, modules]) => {
		const byInput = new Map<string, [string, Section][]>();
		for (const [module, section] of modules) {
			if (!section) continue;
			const { input } = section.linear;
			byInput.set(input, [...(byInput.get(input) ?? []), [module, section]]);
		}
		const alone = byInput.size === 1;
		return [...byInput].map(([input, members]) => {
			const suffix = alone ? name : members.map(([module]) => module.replace('_proj', '')).join('_');
			return slotGroup(`lora.${layer}.${suffix}`, `model.layers.${layer}.${group}`, layer, input, members);
		});
	});
}

function slotGroup(
	name: string,
	path: string,
	layer: number,
	input: string,
	members: readonly [module: string, section: Section][]
): SlotGroup {
	const linears = [...new Set(members.map(([, section]) => section.linear))];
	const starts = new Map<Linear, number>();
	let outFeatures = 0;
	for (const linear of linears) {
		starts.set(linear, outFeatures);
		outFeatures += linear.outFeatures;
	}
	const [first] = linears;
	const parts = members.map(([module, { linear, offset, size }]) => ({
		module,
		path: `${path}.${module}`,
		outFeatures: size,
		offset: (starts.get(linear) ?? 0) + offset
	}));
	const slot: LoraSlot = {
		name,
		layer,
		a: `${name}.A`,
		b: `${name}.B`,
		inFeatures: first?.inFeatures ?? 0,
		outFeatures,
		dataType: first?.dataType ?? 'float32',
		parts
	};
	return { slot, input, linears };
}
