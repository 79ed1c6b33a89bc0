import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memorySource } from '#workers/bytes.ts';
import { prune } from '#workers/onnx/prune.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModelFile } from '#workers/onnx/write.ts';
import { nanoFile, nanoModel } from './nano.ts';

const STATIC = new URL('../../static/', import.meta.url).pathname;
const WEIGHTS = 'onnx/model_q4.onnx';

/**
 * What the app ships, with the first of nano's eight layers alone in its place: an eighth of the work, for tests of what does not
 * depend on what is learnt. Returns the folder to serve and how to remove it.
 */
export function shallowNano(): { directory: string; remove: () => void } {
	const directory = mkdtempSync(join(tmpdir(), 'shallow-'));
	const folder = join(directory, 'models/nano');
	mkdirSync(join(folder, 'onnx'), { recursive: true });
	for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])
		symlinkSync(join(STATIC, 'models/nano', name), join(folder, name));
	const json = (name: string) =>
		JSON.parse(readFileSync(join(STATIC, 'models/nano', name), 'utf8')) as Record<string, unknown>;
	const written = new Map([
		[WEIGHTS, oneLayer()],
		['config.json', Buffer.from(JSON.stringify({ ...json('config.json'), num_hidden_layers: 1 }))]
	]);
	for (const [path, bytes] of written) writeFileSync(join(folder, path), bytes);
	const manifest = json('manifest.json') as { config: object; files: { path: string }[] };
	const files = manifest.files.map((file) => {
		const bytes = written.get(file.path);
		const sha256 = bytes && createHash('sha256').update(bytes).digest('hex');
		return bytes ? { path: file.path, size: bytes.length, sha256 } : file;
	});
	const config = { ...manifest.config, layers: 1 };
	writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, config, files }));
	return { directory, remove: () => rmSync(directory, { recursive: true }) };
}

/** The graph whose last norm reads what the first layer gives. */
function oneLayer(): Uint8Array<ArrayBuffer> {
	const model = nanoModel();
	const { graph } = model;
	const norm = [...graph.nodes].find(({ name }) => name === '/model/norm');
	if (!norm) throw new Error('nano has no last norm');
	const inputs = norm.inputs.map((input) => input.replace('/layers.7/', '/layers.0/'));
	graph.update(norm, { inputs });
	const isDeeper = ({ name }: { name: string }) => /^(?:past_key_values|present)\.[1-9]/.test(name);
	graph.outputs = graph.outputs.filter((output) => !isDeeper(output));
	graph.inputs = graph.inputs.filter((input) => !isDeeper(input));
	prune(graph);
	const sources = new Map([['model.onnx', memorySource(new Uint8Array(readFileSync(nanoFile)))]]);
	return joinSegments(writeModelFile(model).segments, sources);
}
