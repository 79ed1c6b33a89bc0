import type { Graph } from './graph.ts';
import { integers } from './graph-writer.ts';
import type { LoraSlot } from './slots.ts';

/** A value and how many axes it has: tokens by features (2), or batch, tokens and features (3). */
export interface Ranked {
	value: string;
	rank: number;
}

/** Declares the slot's A and B as graph inputs. */
export function declareSlot(graph: Graph, slot: LoraSlot): void {
	const rank = `${slot.name}.rank`;
	graph.input(slot.a, slot.dataType, ['adapter_batch', slot.inFeatures, rank]);
	graph.input(slot.b, slot.dataType, ['adapter_batch', rank, slot.outFeatures]);
}

/** x · A · B, with `rank` axes; adapters broadcast over the batch. */
export function loraProduct(graph: Graph, slot: LoraSlot, x: Ranked, rank: number): string {
	const { name, outFeatures } = slot;
	const rows = x.rank === 3 ? x.value : splitByAdapter(graph, slot, x.value);
	graph.node('MatMul', [rows, slot.a], [`${name}/xa`]);
	graph.node('MatMul', [`${name}/xa`, slot.b], [`${name}/xab`]);
	return rank === 3 ? `${name}/xab` : reshape(graph, `${name}/xab`, [-1, outFeatures], `${name}/xab_flat`);
}

/** The value that holds y + x · A · B. */
export const sumOf = (slot: LoraSlot): string => `${slot.name}/sum`;

/** Makes {@link sumOf} by MatMul and Add, adapters broadcast over the batch. */
export function addByMatMul(graph: Graph, slot: LoraSlot, x: Ranked, y: Ranked): void {
	graph.node('Add', [y.value, loraProduct(graph, slot, x, y.rank)], [sumOf(slot)]);
}

/** Makes {@link sumOf} with one Gemm over all tokens, for a batch of one: a GPU program less than MatMul and Add. */
export function addByGemm(graph: Graph, slot: LoraSlot, x: Ranked, y: Ranked): void {
	const { name, inFeatures, outFeatures } = slot;
	const rows = x.rank === 2 ? x.value : reshape(graph, x.value, [-1, inFeatures], `${name}/x_flat`);
	const a = reshape(graph, slot.a, [inFeatures, -1], `${name}/a_flat`);
	const b = reshape(graph, slot.b, [-1, outFeatures], `${name}/b_flat`);
	graph.node('MatMul', [rows, a], [`${name}/xa`]);
	if (y.rank === 2) {
		graph.node('Gemm', [`${name}/xa`, b, y.value], [sumOf(slot)]);
		return;
	}
	const base = reshape(graph, y.value, [-1, outFeatures], `${name}/y_flat`);
	graph.node('Gemm', [`${name}/xa`, b, base], [`${name}/sum_flat`]);
	reshape(graph, `${name}/sum_flat`, [1, -1, outFeatures], sumOf(slot));
}

function reshape(graph: Graph, value: string, shape: readonly number[], name: string): string {
	graph.node('Reshape', [value, integers(graph, shape)], [name]);
	return name;
}

/** Tokens that were flattened over the batch, [batch · tokens, features], get the adapters' batch axis back. */
function splitByAdapter(graph: Graph, slot: LoraSlot, x: string): string {
	const { name, inFeatures } = slot;
	graph.node('Shape', [slot.a], [`${name}/a_shape`]);
	graph.node('Slice', [`${name}/a_shape`, integers(graph, [0]), integers(graph, [1])], [`${name}/adapters`]);
	graph.node('Concat', [`${name}/adapters`, integers(graph, [-1, inFeatures])], [`${name}/x_shape`], {
		axis: 0
	});
	graph.node('Reshape', [x, `${name}/x_shape`], [`${name}/x_rows`]);
	return `${name}/x_rows`;
}
