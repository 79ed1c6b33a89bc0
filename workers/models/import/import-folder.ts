import { OpenLedgerError } from '#workers/errors.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import type { ModelFacts } from '#workers/models/catalogue/entry.ts';
import type { DownloadOptions } from '#workers/models/download/download-item.ts';
import { dtypesIn, pickFiles } from '#workers/models/hub/pick-files.ts';
import { readConfig, SOURCE_FIELD } from '#workers/models/open-model.ts';
import type { FileStore } from '#workers/models/store/file-store.ts';
import type { ItemFile } from '#workers/models/store/item.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { abortedError } from '#workers/models/store/lock.ts';
import { createTokenizer, type TokenizerFiles } from '#workers/models/tokenizer/tokenizer.ts';
import { BUILT_PATHS, buildSafetensors } from './build-safetensors.ts';
import { copyFiles } from './copy-files.ts';

/** A file that a person chose. `path` is relative to the chosen folder; a leading folder common to all is left out. */
export interface FolderFile {
	path: string;
	file: Blob;
}

/** Largest of the small files (tokenizer.json) that is read at once. */
const smallBytes = 64 << 20;
const smallFiles = [
	'config.json',
	'generation_config.json',
	'tokenizer.json',
	'tokenizer_config.json',
	'chat_template.jinja'
];

/**
 * Stores a model from a local folder under `local:<sha256 of its files>` and returns that id. ONNX files are taken in
 * the smallest precision there is; safetensors are built into 4 bits. Nothing is stored unless all of it is usable.
 */
export async function importFolder(
	store: FileStore,
	given: readonly FolderFile[],
	{ signal, onProgress = () => undefined }: DownloadOptions = {}
): Promise<string> {
	const files = withoutCommonFolder(given);
	const paths = files.map(({ path }) => path);
	const small = await readSmall(files);
	const config = readConfig(small.get('config.json'));
	// Checks both before a gigabyte is copied.
	createTokenizer(Object.fromEntries(small) as unknown as TokenizerFiles);
	const dtype = dtypesIn(paths)[0];
	if (!dtype && !paths.some((path) => path.endsWith('.safetensors')))
		throw notThere('an ONNX model or safetensors', paths);
	const name = folderName(given) ?? 'Imported model';
	const about: ModelFacts = {
		name,
		summary: 'From this device.',
		source: 'local',
		dtype: dtype ?? 'q4',
		shape: shapeOf(config)
	};
	const label = { id: `local:${crypto.randomUUID()}`, kind: 'model' as const, name, source: '', about };
	const picked = dtype ? pickFiles(files, dtype) : undefined;
	const wanted = picked
		? picked.map(({ path, file }) => ({ path, size: file.size }))
		: [...BUILT_PATHS, ...small.keys()].map((path) => ({ path }));
	const writer = await store.begin(label, wanted, { resumable: false, signal });
	if (!writer) throw new RangeError('a fresh id is taken');
	try {
		const options = { signal, onProgress };
		if (picked) await store.requireRoom(picked.reduce((sum, { file }) => sum + file.size, 0));
		const hashes = picked ? undefined : await buildSafetensors(store.folder, writer, files, options);
		await copyFiles(writer, hashes ? withSource(files, config, hashes) : files, options);
		if (signal?.aborted) throw abortedError(signal);
		const item = await writer.commit(await localId(writer.arrived));
		return item.id;
	} catch (error) {
		await writer.close();
		await store.remove(label.id);
		throw error;
	}
}

/** The same files, config.json naming the weights that the model was built from. */
function withSource(
	files: readonly FolderFile[],
	config: Record<string, unknown>,
	hashes: readonly string[]
): FolderFile[] {
	const json = JSON.stringify({ ...config, [SOURCE_FIELD]: hashes }, null, '\t');
	return files.map((file) => (file.path === 'config.json' ? { ...file, file: new Blob([json]) } : file));
}

async function readSmall(files: readonly FolderFile[]): Promise<Map<string, Uint8Array>> {
	const small = new Map<string, Uint8Array>();
	for (const { path, file } of files)
		if (smallFiles.includes(path) && file.size <= smallBytes)
			small.set(path, new Uint8Array(await file.arrayBuffer()));
	for (const name of ['config.json', 'tokenizer.json'])
		if (!small.has(name))
			throw notThere(
				name,
				files.map(({ path }) => path)
			);
	return small;
}

/** The same files give the same id, however they came. */
async function localId(files: readonly ItemFile[]): Promise<string> {
	const lines = files.map(({ path, sha256 }) => `${sha256} ${path}\n`).sort();
	return `local:${await sha256Hex(new TextEncoder().encode(lines.join('')))}`;
}

function withoutCommonFolder(files: readonly FolderFile[]): FolderFile[] {
	const prefix = folderName(files);
	return prefix === undefined
		? [...files]
		: files.map(({ path, file }) => ({ path: path.slice(prefix.length + 1), file }));
}

function folderName(files: readonly FolderFile[]): string | undefined {
	const prefix = files[0]?.path.split('/')[0];
	// A folder that the layout itself knows is not the chosen one.
	if (!prefix || prefix === 'onnx' || !files.every(({ path }) => path.startsWith(`${prefix}/`)))
		return undefined;
	return prefix;
}

function shapeOf(config: unknown): ModelFacts['shape'] {
	try {
		return parseModelConfig(config);
	} catch {
		return undefined;
	}
}

function notThere(what: string, paths: readonly string[]): OpenLedgerError {
	return new OpenLedgerError('config/malformed', `The folder has no ${what}.`, {
		remedy: 'Choose the folder of one model: config.json, tokenizer.json, and an onnx folder or safetensors.',
		details: { files: paths.slice(0, 20).join(', ') }
	});
}
