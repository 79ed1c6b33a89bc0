import type { Graph, Node } from './graph.ts';

/** Removes nodes that no graph output needs, then initialisers and annotations that nothing reads. Inputs stay. */
export function prune(graph: Graph): void {
	const needed = new Set<Node>();
	const values = new Set(graph.outputs.map(({ name }) => name));
	for (const value of values) {
		const node = graph.producer(value);
		if (!node || needed.has(node)) continue;
		needed.add(node);
		for (const read of graph.reads(node)) values.add(read);
	}
	for (const node of [...graph.nodes]) if (!needed.has(node)) graph.removeNode(node);
	for (const name of [...graph.initializers.keys()]) if (!values.has(name)) graph.removeInitializer(name);
	for (const name of [...graph.valueInfos.keys()])
		if (!graph.producer(name) && !graph.initializers.has(name)) graph.valueInfos.delete(name);
}
