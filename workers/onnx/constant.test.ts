import { expect, test } from 'vitest';
import { constantIntegers } from './constant.ts';
import { Graph } from './graph.ts';

test('small integers are read; what is larger than a shape, and weights, are not', () => {
	const graph = new Graph('constants');
	const add = (name: string, type: 'int64' | 'int32' | 'float32', count: number, data: ArrayBufferView) =>
		graph.initializer(name, type, [count], data);
	add('shape', 'int64', 3, BigInt64Array.of(-1n, 4n, 2n ** 40n));
	add('axes', 'int32', 2, Int32Array.of(-1, 7));
	add('large', 'int64', 129, new BigInt64Array(129));
	add('weights', 'float32', 2, new Float32Array(2));
	expect(constantIntegers(graph, 'shape')).toEqual([-1, 4, 2 ** 40]);
	expect(constantIntegers(graph, 'axes')).toEqual([-1, 7]);
	for (const name of ['large', 'weights', 'nowhere']) expect(constantIntegers(graph, name)).toBeUndefined();
});
