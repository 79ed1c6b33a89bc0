import type { Graph, Node } from '../graph.ts';
import { ordered } from '../order.ts';

/**
 * Makes every product expand its stored weights for itself, right before it runs, so that no two layers' weights are expanded
 * at once. onnxruntime walks from the outputs up and takes what a node reads in descending order of position in the file
 * (Graph::ReverseDFSFrom): an expansion, which waits for nothing, is run before all that the product reads besides, unless it
 * stands before that. Shared ones it copies to the end of the graph, where they would all be run first.
 */
export function expandLate(graph: Graph): void {
	const nodes = ordered(graph);
	const rest = nodes.filter((node) => !isExpansion(node));
	const expansions: Node[] = [];
	for (const node of rest) {
		const inputs = node.inputs.map((input) => {
			const made = graph.producer(input);
			if (!made || !isExpansion(made)) return input;
			const name = `${input}/${expansions.length}`;
			expansions.push({ ...made, name, outputs: [name] });
			return name;
		});
		if (inputs.some((input, i) => input !== node.inputs[i])) graph.update(node, { inputs });
	}
	for (const node of nodes) graph.removeNode(node);
	for (const node of [...expansions, ...rest]) graph.addNode(node);
}

const isExpansion = ({ opType }: Node) => opType === 'DequantizeLinear';
