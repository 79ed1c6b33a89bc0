import type { ByteSource } from '#workers/bytes.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import type { Model } from '#workers/onnx/model.ts';
import { readModel } from '#workers/onnx/read.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { expandedBytes, expandQuantised } from '#workers/runtime/expand.ts';
import { liftWeights, QUANTISED_READERS } from '#workers/runtime/lift-weights.ts';
import type { OrtModel } from '#workers/runtime/ort-session.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { sliceLinears } from '#workers/runtime/slice-linears.ts';
import type { WasmModel } from '#workers/runtime/wasm-decoder.ts';

/** A stored model's graph, and its files by the names that the graph uses. */
export interface ReadGraph {
	model: Model;
	sources: ReadonlyMap<string, ByteSource>;
}

/** @throws OpenLedgerError `onnx/malformed`, `onnx/unsupported` */
export function readGraph({ graph, files }: Pick<OpenModel, 'graph' | 'files'>): ReadGraph {
	const file = files.get(graph);
	if (!file) throw new RangeError(`no file ${graph}`);
	const directory = graph.slice(0, graph.lastIndexOf('/') + 1);
	const sources = new Map<string, ByteSource>();
	// External data is named relative to the ONNX file, which itself keeps its path.
	for (const [path, source] of files)
		sources.set(path === graph ? path : path.slice(directory.length), source);
	return { model: readModel(file, graph), sources };
}

/** Products are computed in parts of at most so many bytes of float32 weights: what wasm unpacks or copies at a time. */
const PART = 8 * 2 ** 20;

/**
 * The graph for the wasm kernels: adapters of any rank, 0 included, and rows that differ. Quantised weights become float32
 * where all of them together stay within `expandLimit` bytes: faster, at the price of memory; else they are inputs, poured
 * into the wasm heap as they are stored (docs/decisions/wasm-weights.md).
 */
export function wasmGraph(read: ReadGraph, expandLimit = 0): { model: WasmModel; slots: LoraSlot[] } {
	const { sliced, slots } = slicedGraph(read);
	if (expandedBytes(sliced) <= expandLimit) {
		const { model, sources } = expandQuantised(sliced, read.sources);
		return { model: withConstants(model, sources), slots };
	}
	const { model, weights } = liftWeights(sliced, QUANTISED_READERS);
	const lifted = { weights, sources: read.sources };
	return { model: { ...withConstants(model, read.sources), lifted }, slots };
}

/** Float32 weights up to which a graph that runs now and then has them unpacked. */
const UNPACKED = 128 * 2 ** 20;

/**
 * The stored graph with its quantised weights as float32, so that they are not unpacked anew in every run; as it is where that takes more
 * than `limit` bytes.
 */
export function unpackedGraph(read: ReadGraph, limit = UNPACKED): ReadGraph {
	return expandedBytes(read.model) <= limit ? expandQuantised(read.model, read.sources) : read;
}

/** The serve graph with its large products in parts, all weights constants of it. */
export function slicedGraph({ model }: ReadGraph): { sliced: Model; slots: LoraSlot[] } {
	const serving = rewriteForServing(model, { lora: 'matmul', fuse: true });
	// After the rewrite: joined 4-bit weights lie one after another, joined float32 ones would be interleaved.
	return { sliced: sliceLinears(serving.model, PART), slots: serving.slots };
}

/** A graph as bytes, its constants read from where they lie. */
export function withConstants(model: Model, sources: ReadonlyMap<string, ByteSource>): OrtModel {
	const { graph, weights, weightsPath } = writeModel(model);
	return { graph, weights: { path: weightsPath, source: segmentSource(weights, sources) } };
}
