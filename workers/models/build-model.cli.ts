/**
 * Builds an ONNX decoder from a Hugging Face folder, in the layout of a Hub repository that transformers.js reads:
 * npm run build:model -- DIR [--dtype q4] [--out DIR] [--context N] [--zero-points] [--external]
 * Writes onnx/model_q4.onnx, its weights in onnx/model_q4.onnx_data with --external or where one file could not hold them, the
 * configuration and tokenizer files, and manifest.json with the SHA-256 of each.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Model } from '#workers/onnx/model.ts';
import { readSegments } from '#workers/onnx/segments.ts';
import { writeModel, writeModelFile } from '#workers/onnx/write.ts';
import { openCheckpoint } from './builder/checkpoint.ts';
import type { DecoderConfig } from './builder/config.ts';
import { buildDecoder } from './builder/decoder.ts';
import { BUILD_DTYPES, modelFileName, precisionOf, type BuildDtype } from './builder/dtype.ts';
import { inFile, type StoreWeight } from './builder/store.ts';
import { openNodeFile } from './builder/node-file.ts';
import { expectedTensors } from './builder/weights.ts';
import { SOURCE_FIELD } from './open-model.ts';
import { sha256Of } from './store/hash.ts';

const COPIED = ['generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'];
/** One protobuf message, and so one file, holds less than 2 GiB; the rest is for the graph itself. */
const ONE_FILE = 2 ** 31 - 2 ** 26;
const USAGE =
	'usage: npm run build:model -- DIR [--dtype q4] [--out DIR] [--context N] [--zero-points] [--external]';

interface Options {
	from: string;
	to: string;
	dtype: BuildDtype;
	/** Tokens; shorter than the model's own context saves the RoPE tables' bytes. */
	context: number | undefined;
	zeroPoints: boolean;
	/** Weights in a file of their own even where one file could hold all. */
	external: boolean;
}

function readOptions(): Options {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			dtype: { type: 'string', default: 'q4' },
			out: { type: 'string' },
			context: { type: 'string' },
			'zero-points': { type: 'boolean', default: false },
			external: { type: 'boolean', default: false }
		}
	});
	const [from] = positionals;
	const dtype = BUILD_DTYPES.find((known) => known === values.dtype);
	const context = values.context === undefined ? undefined : Number(values.context);
	if (!from || !dtype || (context !== undefined && !(Number.isInteger(context) && context > 0)))
		throw new RangeError(`${USAGE}\ndtypes: ${BUILD_DTYPES.join(', ')}`);
	return {
		from: resolve(from),
		to: resolve(values.out ?? from),
		dtype,
		context,
		zeroPoints: values['zero-points'],
		external: values.external
	};
}

/** What parseArgs throws for an option it does not know. */
const isOptionError = (error: unknown): error is TypeError =>
	error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');

async function build({ from, to, dtype, context, zeroPoints, ...options }: Options): Promise<void> {
	const checkpoint = openCheckpoint((name) => openNodeFile(join(from, name)));
	const config = { ...checkpoint.config };
	config.context = Math.min(config.context, context ?? config.context);
	fs.mkdirSync(join(to, 'onnx'), { recursive: true });
	const path = `onnx/${modelFileName(dtype)}`;
	const external = writeOnnx(join(to, path), options.external, (store) =>
		buildDecoder(config, checkpoint.weights, { dtype, zeroPoints, store })
	);
	const json = {
		...checkpoint.json,
		max_position_embeddings: config.context,
		[SOURCE_FIELD]: await Promise.all(checkpoint.files.map((file) => sha256Of(file)))
	};
	const hints = transformersJsConfig(dtype, external);
	fs.writeFileSync(
		join(to, 'config.json'),
		`${JSON.stringify(hints ? { ...json, 'transformers.js_config': hints } : json, null, '\t')}\n`
	);
	const copied = COPIED.filter((name) => fs.existsSync(join(from, name)));
	if (from !== to)
		for (const name of copied) fs.writeFileSync(join(to, name), fs.readFileSync(join(from, name)));
	const files = [path, ...(external ? [`${path}_data`] : []), 'config.json', ...copied];
	writeManifest(to, dtype, config, files);
}

/** Streams the weights through a scratch file. Returns whether they ended in a file of their own. */
function writeOnnx(path: string, apart: boolean, makeModel: (store: StoreWeight) => Model): boolean {
	const scratch = `${path}.weights`;
	const descriptor = fs.openSync(scratch, 'w');
	try {
		const model = makeModel(inFile(scratch, (bytes) => fs.writeFileSync(descriptor, bytes)));
		const weights = openNodeFile(scratch);
		const sources = new Map(weights ? [[scratch, weights]] : []);
		const external = apart || (weights?.size ?? 0) > ONE_FILE;
		if (external) {
			const written = writeModel(model, `${basename(path)}_data`);
			fs.writeFileSync(path, written.graph);
			writeAll(`${path}_data`, readSegments(written.weights, sources));
		} else writeAll(path, readSegments(writeModelFile(model).segments, sources));
		return external;
	} finally {
		fs.closeSync(descriptor);
		fs.rmSync(scratch);
	}
}

function writeAll(path: string, chunks: Iterable<Uint8Array>): void {
	const descriptor = fs.openSync(path, 'w');
	for (const chunk of chunks) fs.writeFileSync(descriptor, chunk);
	fs.closeSync(descriptor);
}

/** What transformers.js cannot see in the file: the KV cache's type, and that weights lie outside. */
function transformersJsConfig(dtype: BuildDtype, external: boolean): Record<string, unknown> | undefined {
	const half = precisionOf(dtype, false).half;
	if (!half && !external) return undefined;
	return {
		...(half && { kv_cache_dtype: { [dtype]: 'float16' } }),
		...(external && { use_external_data_format: { [modelFileName(dtype)]: true } })
	};
}

function writeManifest(to: string, dtype: BuildDtype, config: DecoderConfig, paths: string[]): void {
	const files = paths.map((path) => {
		const bytes = fs.readFileSync(join(to, path));
		return { path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
	});
	const parameters = [...expectedTensors(config)].reduce(
		(sum, [, shape]) => sum + shape.reduce((product, dim) => product * dim, 1),
		0
	);
	const manifest = { dtype, parameters, config, files };
	fs.writeFileSync(join(to, 'manifest.json'), `${JSON.stringify(manifest, null, '\t')}\n`);
	for (const { path, size } of files) console.log(`${String(size).padStart(12)}  ${path}`);
}

try {
	await build(readOptions());
} catch (error) {
	if (error instanceof OpenLedgerError) console.error(`${error.message} ${error.remedy}`);
	else if (error instanceof RangeError || isOptionError(error)) console.error(error.message);
	else throw error;
	process.exitCode = 1;
}
