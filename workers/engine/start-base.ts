import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { OpenItem } from '#workers/models/store/open-item.ts';
import {
	createTokenizer,
	requireTokenizerFits,
	type TokenizerFiles
} from '#workers/models/tokenizer/tokenizer.ts';
import type { Provider } from '#workers/protocol.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import type { AdapterLibrary } from './adapter-library.ts';
import { Base } from './base.ts';
import { serveGraph } from './serve-graph.ts';

/** Positions assumed where a model's config.json does not say. */
const DEFAULT_CONTEXT = 2048;
/** Prompt tokens per run: between two chunks other replies go on and a cancel is heard. */
const PREFILL_CHUNK = 128;

const TOKENIZER_FILES = [
	'tokenizer.json',
	'tokenizer_config.json',
	'generation_config.json',
	'config.json',
	'chat_template.jinja'
] as const;

interface StartOptions {
	ort: Ort;
	provider: Provider;
	library: AdapterLibrary;
}

/**
 * Starts a stored model.
 * @throws OpenLedgerError `onnx/*`, `tokenizer/*`, `config/malformed`, `storage/damaged`, `device/out-of-memory`, `engine/failed`
 */
export async function startBase(open: OpenItem, { ort, provider, library }: StartOptions): Promise<Base> {
	const { item } = open;
	const graphFile = item.files.find(({ path }) => path.endsWith('.onnx'));
	if (!graphFile) throw incomplete('an ONNX file');
	const sources = new Map<string, ByteSource>();
	const directory = graphFile.path.slice(0, graphFile.path.lastIndexOf('/') + 1);
	for (const { path } of item.files) {
		if (path === graphFile.path) sources.set(path, await open.file(path));
		// External data files are named relative to the ONNX file.
		else if (path.startsWith(`${graphFile.path}_data`))
			sources.set(path.slice(directory.length), await open.file(path));
	}
	const texts: Partial<Record<(typeof TOKENIZER_FILES)[number], Uint8Array>> = {};
	for (const path of TOKENIZER_FILES) if (open.has(path)) texts[path] = await open.bytes(path);
	if (!texts['tokenizer.json']) throw incomplete('tokenizer.json');
	const tokenizer = createTokenizer(texts as TokenizerFiles);
	const contextLength = readContext(texts['config.json']);

	const { model, slots } = serveGraph(graphFile.path, sources, { lora: 'matmul', fuse: true });
	const decoder = await WasmDecoder.create(ort, model);
	try {
		requireTokenizerFits(tokenizer, decoder.shape.vocabSize);
		return new Base({
			info: {
				id: item.id,
				name: item.name,
				sha256: graphFile.sha256,
				dtype: /_(\w+)\.onnx$/.exec(graphFile.path)?.[1] ?? 'fp32',
				provider,
				contextLength,
				vocabSize: decoder.shape.vocabSize
			},
			decoder,
			tokenizer,
			endTokens: new Set(tokenizer.eosIds),
			adapterBase: {
				name: item.name,
				hashes: item.files.map(({ sha256 }) => sha256),
				slots
			},
			library,
			prefillChunk: PREFILL_CHUNK,
			minRank: 0
		});
	} catch (error) {
		await decoder.dispose();
		throw error;
	}
}

function readContext(config: Uint8Array | undefined): number {
	if (!config) return DEFAULT_CONTEXT;
	try {
		const { max_position_embeddings: length } = JSON.parse(new TextDecoder().decode(config)) as Record<
			string,
			unknown
		>;
		return Number.isSafeInteger(length) && (length as number) > 0 ? (length as number) : DEFAULT_CONTEXT;
	} catch (cause) {
		throw new OpenLedgerError('config/malformed', "The model's config.json cannot be read.", {
			remedy: 'Download or import the model again.',
			cause
		});
	}
}

function incomplete(what: string): OpenLedgerError {
	return new OpenLedgerError('storage/damaged', `The stored model lacks ${what}.`, {
		remedy: 'Delete it and download or import it again.'
	});
}
