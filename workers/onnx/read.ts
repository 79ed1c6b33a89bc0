import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Attribute } from './attribute.ts';
import { malformed, unsupported } from './failure.ts';
import { Graph } from './graph.ts';
import type { Model } from './model.ts';
import { validate } from './order.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { TensorReader } from './read-tensor.ts';
import { dataTypeOf, type DataType, type Dim, type Tensor, type ValueInfo } from './types.ts';

/**
 * Reads an ONNX model (onnx.proto3, IR version 3 and later) and checks that every value is defined.
 * Weights are not read: they become ranges of `location` (the name by which the caller knows this file) or of the
 * external files that the model names. Tensors of at most 1 KiB, such as shapes and scalars, are copied.
 * Throws 'onnx/malformed' or 'onnx/unsupported' and nothing else for any bytes whatever.
 */
export function readModel(source: ByteSource, location = 'model.onnx'): Model {
	try {
		return new ModelReader(source, location).read();
	} catch (thrown) {
		if (thrown instanceof OpenLedgerError) throw thrown;
		throw malformed(`'${location}' cannot be read as an ONNX model.`, { location }, thrown);
	}
}

class ModelReader {
	readonly #proto: ProtobufReader;
	readonly #tensors: TensorReader;

	constructor(source: ByteSource, location: string) {
		this.#proto = new ProtobufReader(source);
		this.#tensors = new TensorReader(this.#proto, source, location);
	}

	read(): Model {
		const proto = this.#proto;
		const model = { irVersion: 0, producer: '', opsets: new Map<string, number>() };
		const metadata = new Map<string, string>();
		const unknown: Uint8Array[] = [];
		let graph: Graph | undefined;
		proto.fields((field, wire) => {
			if (field === 1) model.irVersion = proto.integer(wire);
			else if (field === 2) model.producer = proto.string(wire);
			else if (field === 7) {
				if (graph) throw malformed('The model has two graphs.');
				graph = proto.message(wire, () => this.#graph());
			} else if (field === 8) proto.message(wire, () => this.#opset(model.opsets));
			else if (field === 14) this.#entry(wire, metadata);
			else unknown.push(proto.unknown(wire));
		});
		if (!graph || model.irVersion < 1) throw malformed('The file holds no ONNX graph.');
		validate(graph);
		return { ...model, metadata, graph, unknown };
	}

	#opset(opsets: Map<string, number>): void {
		let domain = '';
		let version = 0;
		this.#proto.fields((field, wire) => {
			if (field === 1) domain = standardDomain(this.#proto.string(wire));
			else if (field === 2) version = this.#proto.integer(wire);
			else this.#proto.skip(wire);
		});
		opsets.set(domain, version);
	}

	#entry(wireType: number, into: Map<string, string>): void {
		const [key, value] = this.#tensors.entry(wireType);
		into.set(key, value);
	}

	#graph(): Graph {
		const proto = this.#proto;
		const graph = new Graph('');
		proto.fields((field, wire) => {
			if (field === 1) this.#node(wire, graph);
			else if (field === 2) graph.name = proto.string(wire);
			else if (field === 5) graph.addInitializer(this.#tensors.tensor(wire));
			else if (field === 11) graph.inputs.push(this.#typed(wire, 'input'));
			else if (field === 12) graph.outputs.push(this.#typed(wire, 'output'));
			else if (field === 13) {
				const info = this.#valueInfo(wire);
				if (info.value) graph.valueInfos.set(info.name, info.value);
			} else if (field === 15) throw unsupported('The graph has sparse weights.');
			else if (field === 10) proto.skip(wire);
			else graph.unknown.push(proto.unknown(wire));
		});
		return graph;
	}

	#node(wireType: number, graph: Graph): void {
		const proto = this.#proto;
		const inputs: string[] = [];
		const outputs: string[] = [];
		const unknown: Uint8Array[] = [];
		const attributes = new Map<string, Attribute>();
		const node = { name: '', opType: '', domain: '' };
		proto.message(wireType, () =>
			proto.fields((field, wire) => {
				if (field === 1) inputs.push(proto.string(wire));
				else if (field === 2) outputs.push(proto.string(wire));
				else if (field === 3) node.name = proto.string(wire);
				else if (field === 4) node.opType = proto.string(wire);
				else if (field === 5) this.#attribute(wire, attributes);
				else if (field === 7) node.domain = standardDomain(proto.string(wire));
				else if (field === 6) proto.skip(wire);
				else unknown.push(proto.unknown(wire));
			})
		);
		if (node.opType === '') throw malformed(`Node '${node.name}' has no operator.`, { node: node.name });
		const constant =
			node.opType === 'Constant' && node.domain === '' ? constantTensor(attributes) : undefined;
		if (constant && outputs[0]) {
			// A Constant is an initialiser in other words. Some exporters write one twice; like onnxruntime, take the later.
			graph.removeInitializer(outputs[0]);
			graph.addInitializer({ ...constant, name: outputs[0] });
			return;
		}
		for (const attribute of attributes.values())
			if (attribute.type === 'tensor') attribute.value.data = this.#tensors.load(attribute.value);
		graph.addNode({
			...node,
			name: node.name || (outputs[0] ?? node.opType),
			inputs,
			outputs,
			attributes,
			unknown
		});
	}

	#attribute(wireType: number, into: Map<string, Attribute>): void {
		const proto = this.#proto;
		let name = '';
		let type = 0;
		const scalar = { float: 0, int: 0n, string: '' };
		const lists = { floats: [] as number[], ints: [] as bigint[], strings: [] as string[] };
		const nested: Attribute[] = [];
		const seen = new Set<number>();
		proto.message(wireType, () =>
			proto.fields((field, wire) => {
				seen.add(field);
				if (field === 1) name = proto.string(wire);
				else if (field === 2) scalar.float = proto.float(wire);
				else if (field === 3) scalar.int = proto.int64(wire);
				else if (field === 4) scalar.string = proto.string(wire);
				else if (field === 5) nested.push({ type: 'tensor', value: this.#tensors.tensor(wire) });
				else if (field === 6) nested.push({ type: 'graph', value: proto.message(wire, () => this.#graph()) });
				else if (field === 7) proto.floats(wire, lists.floats);
				else if (field === 8) proto.integers(wire, lists.ints);
				else if (field === 9) lists.strings.push(proto.string(wire));
				else if (field === 20) type = proto.integer(wire);
				else proto.skip(wire);
			})
		);
		// IR versions before 2 leave the type out; it is then the field that is there.
		type ||= ([2, 3, 4, 5, 6, 7, 8, 9].find((field) => seen.has(field)) ?? 1) - 1;
		if (type === 1) into.set(name, { type: 'float', value: scalar.float });
		else if (type === 2) into.set(name, { type: 'int', value: scalar.int });
		else if (type === 3) into.set(name, { type: 'string', value: scalar.string });
		else if ((type === 4 || type === 5) && nested[0]) into.set(name, nested[0]);
		else if (type === 6) into.set(name, { type: 'floats', value: lists.floats });
		else if (type === 7) into.set(name, { type: 'ints', value: lists.ints });
		else if (type === 8) into.set(name, { type: 'strings', value: lists.strings });
		else throw unsupported(`Attribute '${name}' has type ${type}.`, { attribute: name });
	}

	#typed(wireType: number, what: string): ValueInfo {
		const { name, value } = this.#valueInfo(wireType);
		if (!value) throw unsupported(`Graph ${what} '${name}' is not a tensor.`, { tensor: name });
		return value;
	}

	#valueInfo(wireType: number): { name: string; value?: ValueInfo } {
		const proto = this.#proto;
		let name = '';
		let elementType: number | undefined;
		let dims: Dim[] | undefined;
		const tensorType = (field: number, wire: number) => {
			if (field === 1) elementType = proto.integer(wire);
			else if (field === 2) dims = proto.message(wire, () => this.#shape());
			else proto.skip(wire);
		};
		const type = (field: number, wire: number) =>
			field === 1 ? proto.message(wire, () => proto.fields(tensorType)) : proto.skip(wire);
		proto.message(wireType, () =>
			proto.fields((field, wire) => {
				if (field === 1) name = proto.string(wire);
				else if (field === 2) proto.message(wire, () => proto.fields(type));
				else proto.skip(wire);
			})
		);
		const dataType = elementType === undefined ? undefined : dataTypeOf(elementType);
		return dataType ? { name, value: { name, dataType, dims } } : { name };
	}

	#shape(): Dim[] {
		const proto = this.#proto;
		const dims: Dim[] = [];
		const dim = () => {
			let value: Dim;
			proto.fields((field, wire) => {
				if (field === 1) value = proto.integer(wire);
				else if (field === 2) value = proto.string(wire) || undefined;
				else proto.skip(wire);
			});
			dims.push(typeof value === 'number' && value < 0 ? undefined : value);
		};
		proto.fields((field, wire) => (field === 1 ? proto.message(wire, dim) : proto.skip(wire)));
		return dims;
	}
}

const standardDomain = (domain: string) => (domain === 'ai.onnx' ? '' : domain);

/** The value of a Constant node, unless it is text or sparse. */
function constantTensor(attributes: ReadonlyMap<string, Attribute>): Tensor | undefined {
	const [attribute] = attributes.values();
	if (!attribute || attributes.size !== 1) return undefined;
	const vector = (dataType: DataType, dims: number[], values: ArrayBufferView): Tensor => ({
		dataType,
		dims,
		data: [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]
	});
	const { type, value } = attribute;
	if (type === 'tensor') return value;
	if (type === 'int') return vector('int64', [], BigInt64Array.of(value));
	if (type === 'ints') return vector('int64', [value.length], BigInt64Array.from(value));
	if (type === 'float') return vector('float32', [], Float32Array.of(value));
	if (type === 'floats') return vector('float32', [value.length], Float32Array.from(value));
	return undefined;
}
