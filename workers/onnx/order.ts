import { malformed } from './failure.ts';
import { subgraphs, type Graph, type Node } from './graph.ts';

/**
 * The nodes so that each comes after those it reads from; a graph already in order keeps its order.
 * Throws 'onnx/malformed' for a cycle.
 */
export function ordered(graph: Graph): Node[] {
	const order: Node[] = [];
	const state = new Map<Node, 'open' | 'done'>();
	for (const root of graph.nodes) {
		const stack = [root];
		for (let node = stack.at(-1); node; node = stack.at(-1)) {
			if (state.has(node)) {
				stack.pop();
				if (state.get(node) === 'open') order.push(node);
				state.set(node, 'done');
				continue;
			}
			state.set(node, 'open');
			const before: Node[] = [];
			for (const value of graph.reads(node)) {
				const producer = graph.producer(value);
				if (!producer || state.get(producer) === 'done') continue;
				if (state.get(producer) === 'open')
					throw malformed(
						`The graph has a cycle through ${node.opType} '${node.name}' and tensor '${value}'.`,
						{
							node: node.name,
							tensor: value
						}
					);
				before.push(producer);
			}
			stack.push(...before.reverse());
		}
	}
	return order;
}

/**
 * Checks that every value is defined before it is read. `outer` are the graphs around a subgraph.
 * Throws 'onnx/malformed', naming node and tensor.
 */
export function validate(graph: Graph, outer: readonly Graph[] = []): void {
	const undefinedValue = (name: string) => graph.isFree(name) && outer.every((around) => around.isFree(name));
	for (const node of graph.nodes) {
		for (const input of node.inputs) {
			if (input !== '' && undefinedValue(input))
				throw malformed(`${node.opType} '${node.name}' reads '${input}', which nothing defines.`, {
					node: node.name,
					tensor: input
				});
		}
		for (const { value } of subgraphs(node)) validate(value, [graph, ...outer]);
	}
	for (const { name } of graph.outputs) {
		if (undefinedValue(name))
			throw malformed(`Graph output '${name}' is defined by nothing.`, { tensor: name });
	}
	ordered(graph);
}
