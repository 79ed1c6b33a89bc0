import { expect, test } from 'vitest';
import { float, floatAttribute, intAttribute, intsAttribute } from './attribute.ts';
import { Graph } from './graph.ts';
import { ordered, validate } from './order.ts';
import { prune } from './prune.ts';

/** x → Relu → a → Neg → y, with a weight that nothing reads. */
function chain(): Graph {
	const graph = new Graph();
	graph.input('x', 'float32', ['n']);
	graph.node('Relu', ['x'], ['a']);
	graph.node('Neg', ['a'], ['y']);
	graph.output('y', 'float32', ['n']);
	graph.initializer('unused', 'float32', [2], Float32Array.of(1, 2));
	return graph;
}

/** An If whose branch reads `a` of the graph around it. */
function withBranch(graph: Graph): Graph {
	const branch = new Graph('branch');
	branch.node('Exp', ['a'], ['b']);
	branch.output('b', 'float32', ['n']);
	graph.input('flag', 'bool', []);
	graph.node('If', ['flag'], ['z'], { then_branch: { type: 'graph', value: branch } });
	graph.output('z', 'float32', ['n']);
	return branch;
}

const names = (nodes: Iterable<{ opType: string }>) => [...nodes].map(({ opType }) => opType);

test('a value is found by its producer and its consumers', () => {
	const graph = chain();
	expect(graph.producer('a')?.opType).toBe('Relu');
	expect(names(graph.consumers('a'))).toEqual(['Neg']);
	expect(graph.producer('x')).toBeUndefined();
	expect(graph.isFree('x')).toBe(false);
	expect(graph.isFree('nowhere')).toBe(true);
});

test('a value that a branch reads counts as read', () => {
	const graph = chain();
	withBranch(graph);
	expect(names(graph.consumers('a'))).toEqual(['Neg', 'If']);
	validate(graph);
});

test('an operation put between reaches every reader, branches included, and not the branch it was copied from', () => {
	const graph = chain();
	const branch = withBranch(graph);
	graph.replaceUses('a', 'a2');
	graph.node('Abs', ['a'], ['a2']);
	expect(names(graph.consumers('a'))).toEqual(['Abs']);
	expect(names(graph.consumers('a2'))).toEqual(['Neg', 'If']);
	expect(names(ordered(graph))).toEqual(['Relu', 'Abs', 'Neg', 'If']);
	expect([...branch.freeValues()]).toEqual(['a']);
	validate(graph);
});

test('a node changed in place stays the same node', () => {
	const graph = chain();
	const node = graph.producer('y');
	if (!node) throw new Error('no node');
	graph.update(node, { inputs: ['x'] });
	expect(graph.producer('y')).toBe(node);
	expect(names(graph.consumers('a'))).toEqual([]);
	expect(names(graph.consumers('x'))).toEqual(['Relu', 'Neg']);
});

test('a copy changes on its own', () => {
	const graph = chain();
	const copy = graph.clone();
	copy.replaceUses('a', 'x');
	prune(copy);
	expect(names(copy.nodes)).toEqual(['Neg']);
	expect(names(graph.nodes)).toEqual(['Relu', 'Neg']);
	expect(graph.initializers.has('unused')).toBe(true);
});

test('what no output needs is removed, inputs stay', () => {
	const graph = chain();
	graph.node('Exp', ['a'], ['dead']);
	graph.node('Exp', ['dead'], ['deader']);
	graph.valueInfos.set('dead', { name: 'dead', dataType: 'float32', dims: ['n'] });
	prune(graph);
	expect(names(graph.nodes)).toEqual(['Relu', 'Neg']);
	expect(graph.initializers.size).toBe(0);
	expect(graph.valueInfos.size).toBe(0);
	expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
});

test('nodes added out of order are ordered', () => {
	const graph = new Graph();
	graph.node('C', ['b'], ['c']);
	graph.node('B', ['a', 'x'], ['b']);
	graph.node('A', ['x'], ['a']);
	expect(names(ordered(graph))).toEqual(['A', 'B', 'C']);
});

test.each([
	['a value defined twice', (graph: Graph) => graph.node('Exp', ['x'], ['a']), /'a'/],
	[
		'a tensor with too few bytes',
		(graph: Graph) => graph.initializer('w', 'float32', [3], new Uint8Array(8)),
		/'w'/
	],
	['a tensor defined twice', (graph: Graph) => graph.initializer('unused', 'int64', [0], []), /'unused'/]
])('%s is refused by name', (_, change, message) => {
	expect(() => change(chain())).toThrow(message);
});

test('attributes keep integers and floats apart', () => {
	const graph = chain();
	const node = graph.node('Op', ['x'], ['o'], {
		axis: -1,
		flag: true,
		scale: float(2),
		perm: [0, 2],
		mode: 'pad'
	});
	expect(intAttribute(node, 'axis', 0)).toBe(-1);
	expect(intAttribute(node, 'flag', 0)).toBe(1);
	expect(floatAttribute(node, 'scale', 1)).toBe(2);
	expect(intsAttribute(node, 'perm')).toEqual([0, 2]);
	expect(intAttribute(node, 'missing', 7)).toBe(7);
	expect(() => intAttribute(node, 'scale', 0)).toThrow(/scale of Op 'o' is float/);
	expect(() => graph.node('Op', ['x'], ['p'], { scale: 0.5 })).toThrow(TypeError);
});
