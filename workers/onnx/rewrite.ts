import { constantInteger } from './constant.ts';
import { analyseDecoder, describeSurface, type DecoderInfo, type DecoderStructure } from './decoder.ts';
import { fuseLinears } from './fuse.ts';
import { unsupported } from './failure.ts';
import type { Graph, Node } from './graph.ts';
import { integers } from './graph-writer.ts';
import { onlyConsumer, type Linear } from './linear.ts';
import { addByGemm, addByMatMul, declareSlot, loraProduct, sumOf } from './lora-branch.ts';
import type { Model } from './model.ts';
import { validate } from './order.ts';
import { prune } from './prune.ts';
import { replaceMask } from './sequence-lengths.ts';
import { slotGroups, type LoraSlot, type SlotGroup } from './slots.ts';

export interface RewriteOptions {
	/**
	 * How adapters are added. 'matmul': y + (x · A) · B, any batch, each row with an adapter of its own or one for all,
	 * any rank, 0 included (not on WebGPU, which fails on empty tensors). 'gemm': fewer GPU programs, batch of one only.
	 */
	lora: 'none' | 'matmul' | 'gemm';
	/**
	 * Join the base weights of q, k and v, and of gate and up, into one linear each, where they are stored alike.
	 * 'attention': only q, k and v, and only where the attention operator takes them packed, without a Split between.
	 */
	fuse: boolean | 'attention';
	/**
	 * Which positions get logits. 'last': the last only, unless the model takes num_logits_to_keep, which does the same.
	 * 'all': every position, num_logits_to_keep dropped, which saves a GPU program in each decoded token.
	 */
	head?: 'keep' | 'last' | 'all';
	/** 'lengths': take seqlens_k and total_sequence_length instead of attention_mask, where that is what the mask becomes. */
	mask?: 'keep' | 'lengths';
}

export interface ServingModel {
	model: Model;
	slots: LoraSlot[];
	/** The rewritten model's inputs and outputs. */
	info: DecoderInfo;
}

/**
 * The serve graph of a decoder: each group of linears gains a LoRA branch whose A and B are graph inputs. The model given
 * stays as it is; weights are shared, never read. With rank 0 the results are those of the given model, bit by bit.
 * Throws 'onnx/unsupported' for a graph that is no decoder with keys and values (see describeDecoder).
 */
export function rewriteForServing(model: Model, options: RewriteOptions): ServingModel {
	const rewritten = { ...model, graph: model.graph.clone() };
	const { graph } = rewritten;
	const structure = analyseDecoder(rewritten);
	const slots: LoraSlot[] = [];
	for (const layer of structure.layers)
		for (const group of slotGroups(layer)) {
			adaptGroup(graph, structure, group, options, layer.attention?.operator);
			if (options.lora !== 'none') slots.push(group.slot);
		}
	if (options.head === 'last' && !structure.info.inputs.numLogitsToKeep) keepLast(graph, structure);
	if (options.head === 'all') keepAll(graph, structure);
	if (options.mask === 'lengths') replaceMask(graph, structure);
	prune(graph);
	validate(graph);
	// The linears are those of the given model: in the rewritten one they are joined and branched.
	return { model: rewritten, slots, info: { ...structure.info, ...describeSurface(graph, structure.types) } };
}

function adaptGroup(
	graph: Graph,
	{ types }: DecoderStructure,
	{ slot, input, linears }: SlotGroup,
	{ lora, fuse }: RewriteOptions,
	attention: Node | undefined
): void {
	const [first] = linears;
	if (!first) return;
	const rankOf = (value: string, otherwise: number) => types.get(value)?.dims?.length ?? otherwise;
	const x = { value: input, rank: rankOf(input, 3) };
	const yRank = rankOf(first.node.outputs[0] ?? '', first.node.opType === 'Gemm' ? 2 : x.rank);
	if (lora !== 'none') declareSlot(graph, slot);

	const add = (value: string, rank: number) =>
		(lora === 'gemm' ? addByGemm : addByMatMul)(graph, slot, x, { value, rank });
	const joins = linears.length > 1 && (fuse === 'attention' ? takesPacked(graph, linears, attention) : fuse);
	const fused = joins ? fuseLinears(graph, linears, `${slot.name}/base`) : undefined;
	if (fused !== undefined) {
		if (lora !== 'none') add(fused, yRank);
		distribute(graph, linears, lora === 'none' ? fused : sumOf(slot), attention);
	} else if (lora !== 'none' && linears.length === 1) {
		graph.replaceUses(first.output, sumOf(slot));
		add(first.output, yRank);
	} else if (lora !== 'none') {
		const delta = loraProduct(graph, slot, x, yRank);
		const parts = linears.map((_, i) => `${slot.name}/delta_${i}`);
		splitFeatures(graph, delta, linears, parts);
		linears.forEach(({ output }, i) => {
			graph.replaceUses(output, `${slot.name}/sum_${i}`);
			graph.node('Add', [output, `${slot.name}/delta_${i}`], [`${slot.name}/sum_${i}`]);
		});
	}
}

/** Gives what was computed at once to those who read it in parts. */
function distribute(
	graph: Graph,
	linears: readonly Linear[],
	fused: string,
	attention: Node | undefined
): void {
	const outputs = linears.map(({ output }) => output);
	const packed = takesPacked(graph, linears, attention);
	for (const { node, bias } of linears) {
		if (bias) graph.removeNode(bias.node);
		graph.removeNode(node);
	}
	if (packed && attention) graph.update(attention, { inputs: [fused, '', '', ...attention.inputs.slice(3)] });
	else splitFeatures(graph, fused, linears, outputs);
}

/** Whether the attention operator reads the three outputs and nothing else does: it then takes them packed in one input. */
function takesPacked(graph: Graph, linears: readonly Linear[], attention: Node | undefined): boolean {
	return (
		attention?.opType === 'GroupQueryAttention' &&
		linears.length === 3 &&
		linears.every(
			({ output }, i) => attention.inputs[i] === output && onlyConsumer(graph, output) !== undefined
		)
	);
}

function splitFeatures(graph: Graph, value: string, linears: readonly Linear[], outputs: string[]): void {
	const sizes = integers(
		graph,
		linears.map(({ outFeatures }) => outFeatures)
	);
	graph.node('Split', [value, sizes], outputs, { axis: -1 }, '', `${value}/split`);
}

/** Cuts all positions but the last before the head, which is the largest linear of all. */
function keepLast(graph: Graph, { head, types, info }: DecoderStructure): void {
	if (!head || types.get(head.input)?.dims?.length !== 3)
		throw unsupported('The linear that gives the logits cannot be told, so that its input cannot be cut.');
	const last = `${head.input}/last`;
	graph.replaceUses(head.input, last);
	const ends = [-1, 2 ** 31 - 1, 1].map((value) => integers(graph, [value]));
	graph.node('Slice', [head.input, ...ends], [last]);
	// What the file says of inner shapes holds no more.
	graph.valueInfos.clear();
	const logits = graph.outputs.find(({ name }) => name === info.outputs.logits);
	if (logits?.dims) logits.dims = logits.dims.with(1, 1);
}

/** Undoes the cut that num_logits_to_keep makes, where there is one to be found. */
export function keepAll(graph: Graph, { info }: DecoderStructure): void {
	const keep = info.inputs.numLogitsToKeep?.name;
	if (!keep) return;
	const values = new Set([keep]);
	const cuts = new Set<Node>();
	for (const value of values)
		for (const node of graph.consumers(value)) {
			if (node.opType === 'Slice' && node.inputs[0] !== value) cuts.add(node);
			else for (const output of node.outputs) values.add(output);
		}
	const [cut] = cuts;
	const [whole, , , axes = ''] = cut?.inputs ?? [];
	const axis = constantInteger(graph, axes);
	if (cuts.size !== 1 || !whole || (axis !== 1 && axis !== -2) || values.has(info.outputs.logits)) return;
	graph.replaceUses(cut?.outputs[0] ?? '', whole);
	graph.inputs = graph.inputs.filter(({ name }) => name !== keep);
	graph.valueInfos.clear();
}
