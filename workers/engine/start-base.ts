import type { OpenModel } from '#workers/models/open-model.ts';
import { requireTokenizerFits } from '#workers/models/tokenizer/tokenizer.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import type { AdapterLibrary } from './adapter-library.ts';
import { Base } from './base.ts';
import { readGraph, wasmGraph } from './serve-graph.ts';

/** Prompt tokens per run: between two chunks other replies go on and a cancel is heard. */
const PREFILL_CHUNK = 128;
/** A quarter of what a wasm heap can hold. */
const EXPAND_LIMIT = 2 ** 30;

/**
 * Starts a stored model. The base takes `open` over and closes it in the end.
 * @throws OpenLedgerError `onnx/*`, `tokenizer/mismatch`, `device/out-of-memory`, `engine/failed`
 */
export async function startBase(open: OpenModel, ort: Ort, library: AdapterLibrary): Promise<Base> {
	const { item, tokenizer, contextLength, dtype, sha256, hashes } = open;
	const { model, slots } = wasmGraph(readGraph(open), EXPAND_LIMIT);
	const decoder = await WasmDecoder.create(ort, model);
	try {
		const { vocabSize } = decoder.shape;
		requireTokenizerFits(tokenizer, vocabSize);
		return new Base({
			info: { id: item.id, name: item.name, sha256, dtype, provider: 'wasm', contextLength, vocabSize },
			open,
			decoder,
			adapterBase: { name: item.name, hashes, slots },
			library,
			prefillChunk: PREFILL_CHUNK,
			minRank: 0
		});
	} catch (error) {
		await decoder.dispose();
		throw error;
	}
}
