import type { Attribute } from './attribute.ts';
import { unsupported } from './failure.ts';
import type { Graph, Node } from './graph.ts';
import type { Model } from './model.ts';
import { ordered } from './order.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { INLINE_LIMIT } from './read-tensor.ts';
import { totalLength } from './segments.ts';
import { dataTypeNumber, type Segment, type Tensor, type ValueInfo } from './types.ts';

/** Protobuf's own bound on one message, and onnxruntime's on a model given as bytes. */
const MAX_FILE = 2 ** 31 - 1;
/** Each weight starts at a multiple of this many bytes in the external file: a cache line, enough for every SIMD load. */
const ALIGNMENT = 64;

export interface WrittenModel {
	/** The ModelProto: structure and small tensors. */
	graph: Uint8Array<ArrayBuffer>;
	/** Path under which the graph names its weights: give them to onnxruntime as `externalData: [{ path, data }]`. */
	weightsPath: string;
	/**
	 * The external file, as segments one after another (padding included). Those that were in a file still are:
	 * nothing has been read. `readSegments` (segments.ts) turns them into bytes.
	 */
	weights: Segment[];
	/** Bytes of the external file. */
	weightsLength: number;
}

/** Writes a model whose tensors above 1 KiB, or in a file, lie in one external file. */
export function writeModel(model: Model, weightsPath = 'model.weights'): WrittenModel {
	const weights: Segment[] = [];
	let weightsLength = 0;
	const place = (data: readonly Segment[]): number => {
		const padding = -weightsLength & (ALIGNMENT - 1);
		if (padding) weights.push(new Uint8Array(padding));
		const offset = weightsLength + padding;
		weights.push(...data);
		weightsLength = offset + totalLength(data);
		return offset;
	};
	const writer = new ProtobufWriter();
	new ModelWriter({ path: weightsPath, place }).write(writer, model);
	const graph = new Uint8Array(writer.length);
	let offset = 0;
	for (const segment of writer.segments()) {
		if (!(segment instanceof Uint8Array)) throw new TypeError('A tensor attribute lies in a file.');
		graph.set(segment, offset);
		offset += segment.length;
	}
	return { graph, weightsPath, weights, weightsLength };
}

/**
 * Writes a model as one self-contained .onnx file, in segments (`readSegments` reads them).
 * Throws 'onnx/unsupported' above 2 GiB: such a model needs external weights.
 */
export function writeModelFile(model: Model): { segments: Segment[]; length: number } {
	const writer = new ProtobufWriter();
	new ModelWriter(undefined).write(writer, model);
	if (writer.length > MAX_FILE)
		throw unsupported(`The model has ${writer.length} bytes; one ONNX file can hold ${MAX_FILE}.`);
	return { segments: writer.segments(), length: writer.length };
}

/** The external file under construction; `place` appends data and tells the offset it got. */
interface ExternalFile {
	path: string;
	place(data: readonly Segment[]): number;
}

/** Field numbers are those of onnx.proto3. */
class ModelWriter {
	readonly #external: ExternalFile | undefined;

	constructor(external: ExternalFile | undefined) {
		this.#external = external;
	}

	write(writer: ProtobufWriter, model: Model): void {
		writer.integer(1, model.irVersion);
		if (model.producer) writer.string(2, model.producer);
		writer.message(7, (graph) => this.#graph(graph, model.graph));
		for (const [domain, version] of model.opsets)
			writer.message(8, (opset) => {
				opset.string(1, domain);
				opset.integer(2, version);
			});
		for (const [key, value] of model.metadata) entry(writer, 14, key, value);
		for (const field of model.unknown) writer.raw(field);
	}

	#graph(writer: ProtobufWriter, graph: Graph): void {
		for (const node of ordered(graph)) writer.message(1, (nested) => this.#node(nested, node));
		writer.string(2, graph.name || 'graph');
		for (const initializer of graph.initializers.values())
			writer.message(5, (nested) => this.#tensor(nested, initializer, initializer.name));
		for (const input of graph.inputs) writer.message(11, (nested) => valueInfo(nested, input));
		for (const output of graph.outputs) writer.message(12, (nested) => valueInfo(nested, output));
		for (const info of graph.valueInfos.values()) writer.message(13, (nested) => valueInfo(nested, info));
		for (const field of graph.unknown) writer.raw(field);
	}

	#node(writer: ProtobufWriter, node: Node): void {
		for (const input of node.inputs) writer.string(1, input);
		for (const output of node.outputs) writer.string(2, output);
		writer.string(3, node.name);
		writer.string(4, node.opType);
		for (const [name, attribute] of node.attributes)
			writer.message(5, (nested) => {
				nested.string(1, name);
				this.#attribute(nested, attribute);
			});
		if (node.domain) writer.string(7, node.domain);
		for (const field of node.unknown ?? []) writer.raw(field);
	}

	#attribute(writer: ProtobufWriter, attribute: Attribute): void {
		const type = (number: number) => writer.integer(20, number);
		switch (attribute.type) {
			case 'float':
				writer.float(2, attribute.value);
				return type(1);
			case 'int':
				writer.integer(3, attribute.value);
				return type(2);
			case 'string':
				writer.string(4, attribute.value);
				return type(3);
			case 'tensor':
				writer.message(5, (nested) => this.#tensor(nested, attribute.value));
				return type(4);
			case 'graph':
				writer.message(6, (nested) => this.#graph(nested, attribute.value));
				return type(5);
			case 'floats':
				writer.packedFloats(7, attribute.value);
				return type(6);
			case 'ints':
				writer.packedIntegers(8, attribute.value);
				return type(7);
			case 'strings':
				for (const value of attribute.value) writer.string(9, value);
				return type(8);
		}
	}

	/** Only an initialiser, which has a name, may be external. */
	#tensor(writer: ProtobufWriter, tensor: Tensor, name?: string): void {
		writer.packedIntegers(1, tensor.dims);
		writer.integer(2, dataTypeNumber(tensor.dataType));
		if (name !== undefined) writer.string(8, name);
		const length = totalLength(tensor.data);
		// A part of a weight may be small and lie in a file all the same.
		const inline = length <= INLINE_LIMIT && tensor.data.every((segment) => segment instanceof Uint8Array);
		if (name === undefined || !this.#external || inline) return writer.data(9, tensor.data);
		entry(writer, 13, 'location', this.#external.path);
		entry(writer, 13, 'offset', String(this.#external.place(tensor.data)));
		entry(writer, 13, 'length', String(length));
		writer.integer(14, 1);
	}
}

function entry(writer: ProtobufWriter, field: number, key: string, value: string): void {
	writer.message(field, (nested) => {
		nested.string(1, key);
		nested.string(2, value);
	});
}

function valueInfo(writer: ProtobufWriter, info: ValueInfo): void {
	writer.string(1, info.name);
	writer.message(2, (type) =>
		type.message(1, (tensor) => {
			tensor.integer(1, dataTypeNumber(info.dataType));
			const { dims } = info;
			if (!dims) return;
			tensor.message(2, (shape) => {
				for (const dim of dims)
					shape.message(1, (nested) => {
						if (typeof dim === 'number') nested.integer(1, dim);
						else if (dim !== undefined) nested.string(2, dim);
					});
			});
		})
	);
}
