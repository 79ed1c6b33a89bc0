import { Graph } from './graph.ts';

/** A ModelProto. */
export interface Model {
	/** Version of the file format; 10 goes with opset 21. */
	irVersion: number;
	producer: string;
	/** Operator-set version by domain; '' is ai.onnx. */
	opsets: Map<string, number>;
	metadata: Map<string, string>;
	graph: Graph;
	/** Fields not understood, kept as they were read. */
	unknown: Uint8Array[];
}

/** An empty model on the operator sets that onnxruntime 1.30 and the contrib operators need. */
export function createModel(name: string): Model {
	return {
		irVersion: 10,
		producer: 'openledger',
		opsets: new Map([
			['', 21],
			['com.microsoft', 1]
		]),
		metadata: new Map(),
		graph: new Graph(name),
		unknown: []
	};
}
