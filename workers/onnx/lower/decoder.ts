import { intAttribute } from '../attribute.ts';
import { analyseDecoder, type DecoderInfo, type DecoderStructure } from '../decoder.ts';
import { unsupported } from '../failure.ts';
import { untrainable } from '../gradients/backward.ts';
import { GraphWriter } from '../graph-writer.ts';
import type { Graph, Node } from '../graph.ts';
import type { LayerStructure } from '../layers.ts';
import { findLinears } from '../linear.ts';
import type { Model } from '../model.ts';
import { validate } from '../order.ts';
import { prune } from '../prune.ts';
import { keepAll } from '../rewrite.ts';
import { AttentionLowering } from './attention.ts';
import { INPUT_IDS, POSITION_IDS, ROW_SHAPE, SEGMENT_IDS, TOKENS } from './inputs.ts';
import { lowerLinear, type LoweredLinear } from './linear.ts';
import { lowerNorm, lowerSkipNorm } from './norm.ts';
import { lowerPrimitiveAttention } from './primitive-attention.ts';
import { foldShapes } from './shapes.ts';
import { widen } from './widen.ts';

/** A decoder in primitives, over whole sequences and without a cache. */
export interface LoweredDecoder {
	/** Inputs as inputs.ts names them; output `logits` [batch, sequence, vocab], float32. */
	model: Model;
	info: DecoderInfo;
	layers: LayerStructure[];
	/** By the node of the linear in {@link layers}. */
	linears: ReadonlyMap<Node, LoweredLinear>;
	/** The linear that gives the logits. */
	head: LoweredLinear;
}

/**
 * Lowers a decoder to primitives: no operator of com.microsoft is left but the lookup of quantised embedding rows. It reads
 * whole sequences with a causal mask; rows may be padded at the end, and may hold several sequences that do not see each
 * other. Weights are shared with the given model, never read. All in float32: a half-precision model is widened.
 *
 * Throws 'onnx/unsupported', naming the operator, for a decoder that cannot be lowered.
 */
export function lowerDecoder(given: Model): LoweredDecoder {
	const model = { ...given, graph: given.graph.clone(), opsets: new Map(given.opsets) };
	const { graph } = model;
	widen(graph);
	const structure = analyseDecoder(model);
	const write = new GraphWriter(graph, 'lowered');
	keepAll(graph, structure);
	replaceInputs(graph, structure);
	const linears = new Map<Node, LoweredLinear>();
	for (const linear of findLinears(graph, structure.types))
		linears.set(linear.node, lowerLinear(graph, write, linear, structure.types));
	const head = structure.head && linears.get(structure.head.node);
	if (!head)
		throw unsupported('This model cannot be trained: the linear that gives the logits cannot be told.');
	const attention = new AttentionLowering(graph, write);
	if (structure.layers.some((layer) => layer.attention && !layer.attention.operator))
		lowerPrimitiveAttention(
			graph,
			structure.info.cache,
			Array.from(linears.values(), ({ y }) => y),
			() => attention.bias(1)
		);
	lowerOperators(graph, write, structure, attention);
	// The operator sets that the primitives are written for.
	model.opsets.set('', Math.max(21, model.opsets.get('') ?? 0));
	graph.valueInfos.clear();
	graph.outputs = [{ name: structure.info.outputs.logits, dataType: 'float32', dims: ['batch', 'sequence', structure.info.vocabSize] }]; // prettier-ignore
	prune(graph);
	foldShapes(graph);
	prune(graph);
	refuseRest(graph, structure);
	// The head's matrix is also read by rows, in the form it is stored in.
	for (const name of head.linear.node.inputs) {
		const stored = given.graph.initializers.get(name);
		if (stored && !graph.initializers.has(name)) graph.addInitializer(stored);
	}
	validate(graph);
	return { model, info: structure.info, layers: structure.layers, linears, head };
}

function replaceInputs(graph: Graph, { info }: DecoderStructure): void {
	const { ids, positionIds } = info.inputs;
	const others = graph.inputs.filter((input) => input.name !== ids.name && input.name !== positionIds?.name);
	graph.inputs = others;
	for (const name of [INPUT_IDS, POSITION_IDS, SEGMENT_IDS]) graph.input(name, 'int32', [...TOKENS]);
	graph.input(ROW_SHAPE, 'int64', [3]);
}

function lowerOperators(
	graph: Graph,
	write: GraphWriter,
	structure: DecoderStructure,
	attention: AttentionLowering
): void {
	const { headDim } = structure.info;
	for (const node of [...graph.nodes])
		switch (node.opType) {
			case 'SimplifiedLayerNormalization':
			case 'RMSNormalization':
				lowerNorm(graph, write, node);
				break;
			case 'SkipSimplifiedLayerNormalization':
				lowerSkipNorm(graph, write, node);
				break;
			case 'GroupQueryAttention':
				attention.groupQuery(node, headDim);
				break;
			case 'RotaryEmbedding': {
				const width = structure.types.get(node.inputs[0] ?? '')?.dims?.[2];
				const heads = intAttribute(node, 'num_heads', 0) || (typeof width === 'number' ? width / headDim : 0);
				if (!heads) throw untrainable(node, 'rotates an unknown number of heads');
				attention.rotary(node, heads, headDim);
			}
		}
}

/** What is left of the serving graph's inputs has a meaning that the lowered graph does not give it. */
function refuseRest(graph: Graph, { info }: DecoderStructure): void {
	const fed = new Set([INPUT_IDS, POSITION_IDS, SEGMENT_IDS, ROW_SHAPE]);
	for (const { name } of [...graph.inputs]) {
		if (fed.has(name)) continue;
		const [reader] = graph.consumers(name);
		if (reader) throw untrainable(reader, `reads '${name}' in a way that cannot be taken out`);
		graph.inputs = graph.inputs.filter((input) => input.name !== name);
	}
	for (const node of graph.nodes)
		if (node.domain !== '' && node.opType !== 'GatherBlockQuantized')
			throw untrainable(node, `cannot be taken apart (${info.layers} layers)`);
}
