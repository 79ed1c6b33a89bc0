import { floatAttribute } from '../attribute.ts';
import type { Graph, Node } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';

/** x / √(mean(x²) + ε) · w (Zhang & Sennrich 2019) in primitives, for SimplifiedLayerNormalization and its kin. */
export function lowerNorm(graph: Graph, write: GraphWriter, node: Node): void {
	const [x = '', weight = ''] = node.inputs;
	const [y = ''] = node.outputs;
	graph.removeNode(node);
	rmsNorm(write, x, weight, floatAttribute(node, 'epsilon', 1e-5), y);
}

/** SkipSimplifiedLayerNormalization: the norm of x + skip (+ bias); the sum itself is the fourth output. */
export function lowerSkipNorm(graph: Graph, write: GraphWriter, node: Node): void {
	const [x = '', skip = '', weight = '', bias = ''] = node.inputs;
	const [y = '', , , sum = ''] = node.outputs;
	graph.removeNode(node);
	const biased = bias ? write.op('Add', [skip, bias]) : skip;
	const total = write.op('Add', [x, biased], {}, sum || undefined);
	rmsNorm(write, total, weight, floatAttribute(node, 'epsilon', 1e-12), y);
}

function rmsNorm(write: GraphWriter, x: string, weight: string, epsilon: number, y: string): void {
	const mean = write.op('ReduceMean', [write.op('Mul', [x, x]), write.integers(-1)], { keepdims: 1 });
	const root = write.op('Sqrt', [write.op('Add', [mean, write.scalar('float32', epsilon)])]);
	const unit = write.op('Mul', [x, write.op('Reciprocal', [root])]);
	write.op('Mul', [unit, weight], {}, y);
}
