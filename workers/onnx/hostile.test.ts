import { describe, expect, test } from 'vitest';
import { processorTime } from '#test/support/processor-time.ts';
import { memorySource, type ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { describeDecoder } from './decoder.ts';
import { Graph } from './graph.ts';
import { inferShapes } from './infer.ts';
import { createModel, type Model } from './model.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { readModel } from './read.ts';
import { joinSegments } from './segments.ts';
import { writeModel } from './write.ts';

const bytesOf = (write: (writer: ProtobufWriter) => void) => {
	const writer = new ProtobufWriter();
	write(writer);
	return joinSegments(writer.segments(), new Map());
};

/** A model file with a graph written by hand. */
const fileOf = (graph: (writer: ProtobufWriter) => void) =>
	bytesOf((writer) => {
		writer.integer(1, 10);
		writer.message(7, graph);
	});

const tensorFile = (tensor: (writer: ProtobufWriter) => void) =>
	fileOf((graph) =>
		graph.message(5, (initializer) => {
			initializer.string(8, 'w');
			tensor(initializer);
		})
	);

function failure(work: () => unknown): OpenLedgerError {
	try {
		work();
	} catch (thrown) {
		if (thrown instanceof OpenLedgerError) return thrown;
		throw thrown;
	}
	throw new Error('nothing was wrong');
}

const readFailure = (bytes: Uint8Array) => failure(() => readModel(memorySource(bytes)));

describe('a file that is no ONNX model', () => {
	test.each([
		['nothing', new Uint8Array(0)],
		['text', new TextEncoder().encode('<!doctype html><title>404</title>')],
		['zeros', new Uint8Array(1000)],
		[
			'a Git LFS pointer',
			new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:12')
		]
	])('is refused: %s', (_, bytes) => {
		expect(readFailure(bytes).code).toBe('onnx/malformed');
	});

	test('is refused when reading itself fails', () => {
		const source: ByteSource = {
			size: 100,
			read() {
				throw new RangeError('the disk is gone');
			}
		};
		expect(failure(() => readModel(source)).code).toBe('onnx/malformed');
	});
});

describe('a graph that cannot be', () => {
	const written = (build: (graph: Graph) => void) => {
		const model = createModel('hostile');
		build(model.graph);
		return model;
	};
	const withNodes = (nodes: [inputs: string[], outputs: string[]][]) =>
		fileOf((graph) => {
			for (const [inputs, outputs] of nodes)
				graph.message(1, (node) => {
					for (const input of inputs) node.string(1, input);
					for (const output of outputs) node.string(2, output);
					node.string(4, 'Add');
				});
		});

	test('is refused with the node and the tensor that nothing defines', () => {
		const error = readFailure(withNodes([[['a', 'b'], ['c']]]));
		expect(error.code).toBe('onnx/malformed');
		expect(error.details).toEqual({ node: 'c', tensor: 'a' });
	});

	test('is refused with a node of a cycle', () => {
		const error = readFailure(
			withNodes([
				[['c'], ['a']],
				[['a'], ['b']],
				[['b'], ['c']]
			])
		);
		expect(error.message).toContain('cycle');
		expect(['a', 'b', 'c']).toContain(error.details.node);
	});

	test('is refused with the name that is defined twice', () => {
		const error = readFailure(withNodes([[[], ['a']], [[], ['a']]])); // prettier-ignore
		expect(error.details).toEqual({ node: 'a', tensor: 'a' });
	});

	test('is refused when its subgraphs nest without end', () => {
		const nested = (depth: number): Uint8Array =>
			depth === 0
				? new Uint8Array(0)
				: bytesOf((graph) =>
						graph.message(1, (node) => {
							node.string(2, `y${depth}`);
							node.string(4, 'If');
							node.message(5, (attribute) => {
								attribute.string(1, 'then_branch');
								attribute.integer(20, 5);
								attribute.bytes(6, nested(depth - 1));
							});
						})
					);
		expect(readFailure(fileOf((graph) => graph.raw(nested(1000)))).message).toContain('nest');
	});

	test('of 100,000 nodes in a row is read without deep recursion', () => {
		const model = written((graph) => {
			graph.input('x0', 'float32', [1]);
			for (let i = 0; i < 100_000; i++) graph.node('Relu', [`x${i}`], [`x${i + 1}`]);
			graph.output('x100000', 'float32', [1]);
		});
		expect(readModel(memorySource(writeModel(model).graph)).graph.nodes.size).toBe(100_000);
	}, 120_000);

	test('of more fields than any model has is refused', () => {
		const empty = new Uint8Array(5_000_000);
		for (let i = 0; i < empty.length; i += 2) empty[i] = 10;
		expect(readFailure(fileOf((graph) => graph.bytes(1, empty))).code).toBe('onnx/unsupported');
	}, 120_000);

	test.each<[string, (graph: Graph) => void]>([
		[
			'lengths',
			(graph) => {
				graph.node('Shape', ['x'], ['s0']);
				for (let i = 0; i < 80; i++) graph.node('Concat', [`s${i}`, `s${i}`], [`s${i + 1}`], { axis: 0 });
			}
		],
		[
			'axes',
			(graph) => {
				graph.node('Gather', ['x', 'x'], ['s0']);
				for (let i = 0; i < 80; i++) graph.node('Gather', [`s${i}`, `s${i}`], [`s${i + 1}`]);
			}
		],
		[
			'symbols',
			(graph) => {
				graph.node('Shape', ['x'], ['s0']);
				for (let i = 0; i < 80; i++) graph.node('Add', [`s${i}`, `s${i}`], [`s${i + 1}`]);
			}
		]
	])('that doubles its %s in every node does not fill memory', (_, build) => {
		const { graph } = written((graph) => {
			graph.input('x', 'int64', ['batch', 'sequence']);
			build(graph);
		});
		const start = processorTime();
		expect(inferShapes(graph).has('s80')).toBe(true);
		// What doubles 80 times would never end.
		expect(processorTime() - start).toBeLessThan(5000);
	});
});

describe('a tensor that cannot be', () => {
	test.each<[string, (writer: ProtobufWriter) => void]>([
		['more elements than numbers can count', (w) => w.packedIntegers(1, [2 ** 40, 2 ** 40])],
		['a negative axis', (w) => w.packedIntegers(1, [-4])],
		['fewer bytes than elements', (w) => w.packedIntegers(1, [1000])]
	])('is refused: %s', (_, dims) => {
		const error = readFailure(
			tensorFile((writer) => {
				dims(writer);
				writer.integer(2, 1);
				writer.bytes(9, new Uint8Array(8));
			})
		);
		expect(error.code).toBe('onnx/malformed');
		expect(error.details.tensor).toBe('w');
	});

	test.each(['../secret', '/etc/passwd', 'a/../../b', 'C:\\weights', '', 'a//b', 'a\0b'])(
		'is refused: external data at %j',
		(location) => {
			const error = readFailure(
				tensorFile((writer) => {
					writer.packedIntegers(1, [1]);
					writer.integer(2, 1);
					writer.message(13, (entry) => {
						entry.string(1, 'location');
						entry.string(2, location);
					});
					writer.integer(14, 1);
				})
			);
			expect(error.code).toBe('onnx/malformed');
			expect(error.details.tensor).toBe('w');
		}
	);

	test('is refused when read: external data beyond the end of its file', () => {
		const range = { location: 'w', offset: 10, length: 100 };
		const sources = new Map([['w', memorySource(new Uint8Array(50))]]);
		expect(failure(() => joinSegments([range], sources)).code).toBe('onnx/malformed');
		expect(failure(() => joinSegments([range], new Map())).code).toBe('onnx/malformed');
	});
});

describe('a model that is no decoder', () => {
	const base = (change: (graph: Graph) => void): Model => {
		const model = createModel('decoder');
		change(model.graph);
		return model;
	};
	test.each<[string, (graph: Graph) => void, RegExp]>([
		['no cache', (graph) => graph.input('input_ids', 'int64', ['b', 's']), /past_key_values/],
		[
			'a cache that is not returned',
			(graph) => graph.input('past_key_values.0.key', 'float32', ['b', 2, 'p', 4]),
			/present\.0\.key/
		]
	])('is refused, saying why: %s', (_, change, message) => {
		const error = failure(() => describeDecoder(base(change)));
		expect(error.code).toBe('onnx/unsupported');
		expect(error.message).toMatch(message);
	});
});
