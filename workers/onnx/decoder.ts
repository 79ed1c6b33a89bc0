import { unsupported } from './failure.ts';
import type { Graph } from './graph.ts';
import { inferShapes, type Typed } from './infer.ts';
import { LayerFinder, type LayerStructure } from './layers.ts';
import { findLinears, type Linear } from './linear.ts';
import type { Model } from './model.ts';
import type { Section } from './sections.ts';
import type { DataType, Dim, ValueInfo } from './types.ts';

/** Keys and values of one layer, as inputs and outputs of the graph. */
export interface CacheEntry {
	layer: number;
	pastKey: string;
	pastValue: string;
	presentKey: string;
	presentValue: string;
}

/** A linear an adapter can target. */
export interface DecoderLinear {
	/** Module path in the Hugging Face model: 'model.layers.3.self_attn.q_proj'. */
	path: string;
	layer: number;
	/** Last part of the path: 'q_proj'. */
	module: string;
	inFeatures: number;
	outFeatures: number;
}

export interface DecoderInfo {
	/** Decoder layers that keep keys and values. */
	layers: number;
	kvHeads: number;
	headDim: number;
	vocabSize: number;
	/** Type of keys and values, in and out. */
	kvType: 'float32' | 'float16';
	logitsType: DataType;
	/** The inputs that are there, besides the cache and the adapters' A and B. */
	inputs: {
		/** Token ids [batch, sequence]. */
		ids: ValueInfo;
		/** 1 for each key to attend to, [batch, past + sequence]. */
		attentionMask?: ValueInfo;
		/** Position of each token, [batch, sequence]. */
		positionIds?: ValueInfo;
		/** How many positions, from the last, get logits; 0 means all. A scalar. */
		numLogitsToKeep?: ValueInfo;
		/** int32 [batch]: keys of each row, new ones included, less one. There where lengths replace the mask. */
		seqlensK?: ValueInfo;
		/** int32 scalar: keys of the longest row, new ones included. Goes with `seqlensK`. */
		totalSequenceLength?: ValueInfo;
	};
	outputs: { logits: string };
	cache: CacheEntry[];
	linears: DecoderLinear[];
}

export interface DecoderStructure {
	info: DecoderInfo;
	types: ReadonlyMap<string, Typed>;
	layers: LayerStructure[];
	/** The linear that gives the logits; undefined where it cannot be told. */
	head: Linear | undefined;
}

/**
 * What the engine must know of a decoder: its inputs, outputs, cache and the linears that adapters may target.
 * Throws 'onnx/unsupported' for a graph that is no decoder with keys and values per layer
 * (`past_key_values.N.key|value` in, `present.N.key|value` out, `input_ids` in, `logits` out).
 */
export function describeDecoder(model: Model): DecoderInfo {
	return analyseDecoder(model).info;
}

/** {@link describeDecoder} with the parts of the graph it was read from. */
export function analyseDecoder(model: Model): DecoderStructure {
	const { graph } = model;
	const types = inferShapes(graph, {}, model.opsets.get(''));
	const linears = findLinears(graph, types);
	const surface = describeSurface(graph, types);
	refuseUnknownInputs(graph, surface);
	const finder = new LayerFinder(graph, linears);
	const width = surface.kvHeads * surface.headDim;
	const layers = surface.cache.map((entry) => finder.layer(entry, width));
	const info = { ...surface, linears: layers.flatMap(linearsOf) };
	return { info, types, layers, head: finder.before(info.outputs.logits) };
}

/** A graph with an input that nobody feeds cannot run: merged exports (use_cache_branch), convolution states and the like. */
function refuseUnknownInputs(graph: Graph, { inputs, cache }: Pick<DecoderInfo, 'inputs' | 'cache'>): void {
	const known = new Set(Object.values(inputs).map((info) => info?.name));
	for (const { pastKey, pastValue } of cache) known.add(pastKey).add(pastValue);
	for (const { name } of graph.inputs)
		if (!known.has(name) && !graph.initializers.has(name))
			throw unsupported(`The model takes an input '${name}', which the app does not know.`, { tensor: name });
}

function findCache(graph: Graph): CacheEntry[] {
	const entries: CacheEntry[] = [];
	for (const { name } of graph.inputs) {
		const layer = /^past_key_values\.(\d{1,4})\.key$/.exec(name)?.[1];
		if (layer === undefined) continue;
		const entry = {
			layer: Number(layer),
			pastKey: name,
			pastValue: `past_key_values.${layer}.value`,
			presentKey: `present.${layer}.key`,
			presentValue: `present.${layer}.value`
		};
		for (const missing of [entry.presentKey, entry.presentValue])
			if (!graph.isOutput(missing))
				throw unsupported(`The model takes '${name}' and does not give '${missing}'.`, { tensor: missing });
		if (!graph.isInput(entry.pastValue))
			throw unsupported(`The model takes '${name}' and not '${entry.pastValue}'.`, {
				tensor: entry.pastValue
			});
		entries.push(entry);
	}
	if (!entries.length)
		throw unsupported(
			'The model keeps no keys and values that the app knows: it takes no past_key_values.N.key and .value.'
		);
	return entries.sort((a, b) => a.layer - b.layer);
}

/** Inputs, outputs and cache of a decoder, without a look at its inner parts. */
export function describeSurface(
	graph: Graph,
	types?: ReadonlyMap<string, Typed>
): Omit<DecoderInfo, 'linears'> {
	const cache = findCache(graph);
	const input = (name: string) =>
		graph.inputs.find((info) => info.name === name && !graph.initializers.has(name));
	const ids = input('input_ids');
	const logits = graph.outputs.find((info) => info.name === 'logits');
	if (!ids || !logits)
		throw unsupported(`The model has no ${ids ? "output 'logits'" : "input 'input_ids'"}.`);
	const keys = cache.flatMap(({ pastKey, pastValue }) => [input(pastKey), input(pastValue)]);
	const first = keys[0];
	const [, kvHeads, , headDim] = first?.dims ?? [];
	const alike = (info: ValueInfo | undefined) =>
		info?.dataType === first?.dataType && info?.dims?.[1] === kvHeads && info?.dims?.[3] === headDim;
	const kvType = first?.dataType;
	if (typeof kvHeads !== 'number' || typeof headDim !== 'number' || first?.dims?.length !== 4)
		throw unsupported(`'${cache[0]?.pastKey}' does not state the number and size of its heads.`);
	if (!keys.every(alike))
		throw unsupported('The layers of the model keep keys and values of different shapes.');
	if (kvType !== 'float32' && kvType !== 'float16')
		throw unsupported(`The model keeps keys and values as ${kvType}.`);
	const vocabSize: Dim = logits.dims?.at(-1) ?? types?.get('logits')?.dims?.at(-1);
	if (typeof vocabSize !== 'number')
		throw unsupported("The output 'logits' does not state the vocabulary's size.");
	return {
		layers: cache.length,
		kvHeads,
		headDim,
		vocabSize,
		kvType,
		logitsType: logits.dataType,
		inputs: {
			ids,
			attentionMask: input('attention_mask'),
			positionIds: input('position_ids'),
			numLogitsToKeep: input('num_logits_to_keep'),
			seqlensK: input('seqlens_k'),
			totalSequenceLength: input('total_sequence_length')
		},
		outputs: { logits: logits.name },
		cache
	};
}

/** A linear an adapter can target, and the features of the stored linear that it is. */
export interface DecoderModule extends DecoderLinear {
	section: Section;
}

/** The linears of a layer by their names in the Hugging Face model. */
export function modulesOf({ layer, attention, mlp }: LayerStructure): DecoderModule[] {
	const whole = (linear: Linear | undefined): Section | undefined =>
		linear && { linear, value: linear.output, offset: 0, size: linear.outFeatures };
	const named = (group: string, module: string, section: Section | undefined): DecoderModule[] => {
		if (!section) return [];
		const path = `model.layers.${layer}.${group}.${module}`;
		const { inFeatures } = section.linear;
		return [{ path, layer, module, inFeatures, outFeatures: section.size, section }];
	};
	return [
		...named('self_attn', 'q_proj', attention?.q),
		...named('self_attn', 'k_proj', attention?.k),
		...named('self_attn', 'v_proj', attention?.v),
		...named('self_attn', 'o_proj', whole(attention?.o)),
		...named('mlp', 'gate_proj', mlp?.gate),
		...named('mlp', 'up_proj', mlp?.up),
		...named('mlp', 'down_proj', whole(mlp?.down))
	];
}

function linearsOf(structure: LayerStructure): DecoderLinear[] {
	return modulesOf(structure).map(({ section, ...linear }) => linear);
}
