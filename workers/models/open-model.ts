import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { dtypesIn, graphOf, type Dtype } from './hub/pick-files.ts';
import type { FileStore } from './store/file-store.ts';
import type { Item } from './store/item.ts';
import type { OpenItem } from './store/open-item.ts';
import { createTokenizer, type Tokenizer, type TokenizerFiles } from './tokenizer/tokenizer.ts';

/** A stored model, ready to be started. Its sources are valid until it is closed. */
export interface OpenModel {
	item: Item;
	dtype: Dtype;
	/** Path of the ONNX file among `files`. */
	graph: string;
	/** SHA-256 of the ONNX file: the model's identity. */
	sha256: string;
	/** SHA-256 of the ONNX file and its external data, and of the weights it was built from where config.json tells. */
	hashes: string[];
	/** The ONNX file and its external data, by path. */
	files: Map<string, ByteSource>;
	/** config.json as it stands. */
	config: Record<string, unknown>;
	/** Tokens. */
	contextLength: number;
	tokenizer: Tokenizer;
	close(): Promise<void>;
}

/** Where config.json does not tell. */
const defaultContext = 2048;

/**
 * Opens a stored model and reads its small files. Notes the time of use.
 * @throws OpenLedgerError `storage/damaged`, `tokenizer/malformed`, `config/malformed`
 */
export async function openModel(store: FileStore, id: string): Promise<OpenModel> {
	const open = await store.openItem(id);
	try {
		return await readModel(open);
	} catch (error) {
		await open.close();
		throw error;
	}
}

async function readModel(open: OpenItem): Promise<OpenModel> {
	const { item } = open;
	const paths = item.files.map(({ path }) => path);
	const dtype = dtypesIn(paths)[0];
	const graph = dtype && graphOf(paths, dtype);
	if (!graph) throw malformed('it has no ONNX file');
	const weights = item.files.filter(({ path }) => path === graph || path.startsWith(`${graph}_data`));
	const files = new Map<string, ByteSource>();
	for (const { path } of weights) files.set(path, await open.file(path));
	const small = new Map<string, Uint8Array>();
	for (const path of paths) if (!files.has(path)) small.set(path, await open.bytes(path));
	const config = readConfig(small.get('config.json'));
	const hashOf = (path: string) => item.files.find((file) => file.path === path)?.sha256 ?? '';
	return {
		item,
		dtype,
		graph,
		sha256: hashOf(graph),
		hashes: [...weights.map(({ sha256 }) => sha256), ...sourceHashes(config)],
		files,
		config,
		contextLength: contextOf(config),
		tokenizer: createTokenizer(Object.fromEntries(small) as unknown as TokenizerFiles),
		close: () => open.close()
	};
}

/** Of a config.json whose family may be unknown: only what every decoder has. */
export function readConfig(bytes: Uint8Array | undefined): Record<string, unknown> {
	try {
		const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
		if (typeof json === 'object' && json !== null && !Array.isArray(json))
			return json as Record<string, unknown>;
	} catch (cause) {
		throw malformed('it is not JSON', cause);
	}
	throw malformed('it is not an object');
}

/**
 * A built model's config.json names the files its weights came from, `{ [SOURCE_FIELD]: [sha256, …] }`: an adapter made over
 * them fits every precision built from them.
 */
export const SOURCE_FIELD = 'source_sha256';

function sourceHashes({ [SOURCE_FIELD]: hashes }: Record<string, unknown>): string[] {
	if (!Array.isArray(hashes)) return [];
	return hashes.filter((hash): hash is string => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash));
}

function contextOf({ max_position_embeddings: given }: Record<string, unknown>): number {
	return typeof given === 'number' && Number.isInteger(given) && given > 0 && given <= 2 ** 24
		? given
		: defaultContext;
}

function malformed(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError(
		'config/malformed',
		`config.json is not a usable model description: ${reason}.`,
		{
			remedy: 'Download or import the model again.',
			cause
		}
	);
}
