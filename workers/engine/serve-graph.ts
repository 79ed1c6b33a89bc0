import type { ByteSource } from '#workers/bytes.ts';
import { readModel } from '#workers/onnx/read.ts';
import { rewriteForServing, type RewriteOptions } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { OrtModel } from '#workers/runtime/ort-session.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';

export interface ServeGraph {
	model: OrtModel;
	slots: LoraSlot[];
}

/**
 * The serve graph of a decoder file: its structure rewritten for adapters, its weights still in the files.
 * @param path name of the ONNX file among `files`; external data files stand beside it under their own names
 * @throws OpenLedgerError `onnx/malformed`, `onnx/unsupported`
 */
export function serveGraph(
	path: string,
	files: ReadonlyMap<string, ByteSource>,
	options: RewriteOptions
): ServeGraph {
	const file = files.get(path);
	if (!file) throw new RangeError(`no file ${path}`);
	const { model, slots } = rewriteForServing(readModel(file, path), options);
	const { graph, weights, weightsPath } = writeModel(model);
	return { model: { graph, weights: { path: weightsPath, source: segmentSource(weights, files) } }, slots };
}
