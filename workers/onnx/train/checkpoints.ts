import { inferShapes } from '../infer.ts';
import type { LoweredDecoder } from '../lower/decoder.ts';
import { INPUT_IDS, ROW_SHAPES } from '../lower/inputs.ts';
import { ordered } from '../order.ts';

/**
 * The input of each layer, in order: the last value before the layer's first linear through which alone everything computed
 * from the tokens reaches the layer. A layer without such a value is left out, and shares the part of the one before.
 */
export function layerInputs({ model, layers, linears, head }: LoweredDecoder): string[] {
	const { graph } = model;
	const types = inferShapes(graph, {}, 21, ROW_SHAPES);
	const starts = new Set(
		layers.flatMap(({ attention }) => linears.get(attention?.q.linear.node ?? head.linear.node)?.y ?? [])
	);
	const flows = new Set([INPUT_IDS]);
	const live = new Map<string, number>();
	const found = new Set<string>();
	let bottleneck: string | undefined;
	const needed = ancestors(graph, head.x);
	const nodes = ordered(graph).filter((node) => needed.has(node));
	const readers = (value: string) => [...graph.consumers(value)].filter((node) => needed.has(node)).length;
	for (const node of nodes) {
		const inputs = new Set(node.inputs.filter((input) => flows.has(input)));
		if (inputs.size === 0) continue;
		if (node.outputs.some((output) => starts.has(output)) && bottleneck) found.add(bottleneck);
		for (const input of inputs) {
			const left = (live.get(input) ?? 0) - 1;
			if (left > 0) live.set(input, left);
			else live.delete(input);
		}
		for (const output of node.outputs) {
			// Lengths and the like flow beside the tokens.
			if (types.get(output)?.dataType !== 'float32' || readers(output) === 0) continue;
			flows.add(output);
			live.set(output, readers(output));
		}
		if (live.size === 1) [bottleneck] = live.keys();
	}
	return [...found];
}

function ancestors(graph: LoweredDecoder['model']['graph'], value: string) {
	const nodes = new Set<NonNullable<ReturnType<typeof graph.producer>>>();
	const values = new Set([value]);
	for (const name of values) {
		const node = graph.producer(name);
		if (!node) continue;
		nodes.add(node);
		for (const read of graph.reads(node)) values.add(read);
	}
	return nodes;
}
