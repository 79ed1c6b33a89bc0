/**
 * Checks a receipt on this machine, from the adapter package alone:
 * npm run verify -- RECEIPT [--adapter DIR] [--base FILE]
 * DIR holds adapter_config.json, adapter_model.safetensors and attribution.safetensors; FILE is the base's ONNX file, the bundled one
 * unless told. Prints the verdict as JSON. Exit code 0: confirmed, 1: refuted, 2: cannot check.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { CONFIG_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { memorySource } from '#workers/bytes.ts';
import { readGraph, unpackedGraph } from '#workers/engine/serve-graph.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { SampleGradients, wasmRunner } from '../gradients.ts';
import { INDEX_FILE } from '#workers/adapters/lora-adapter.ts';
import { readIndex } from '../index/index-file.ts';
import { parseReceipt } from './receipt-file.ts';
import { verify, type Evidence } from './verify.ts';

const BUNDLED = new URL('../../../static/models/nano/onnx/model_q4.onnx', import.meta.url).pathname;
const EXIT = { confirmed: 0, refuted: 1, 'cannot check': 2 };

/** What is there is read; what is not, the verdict names as missing. */
async function gather(adapterFolder: string | undefined, baseFile: string): Promise<Evidence> {
	const read = (path: string) => (existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined);
	const inFolder = (name: string) =>
		adapterFolder === undefined ? undefined : read(join(adapterFolder, name));
	const [base, config, weights, index] = [
		read(baseFile),
		inFolder(CONFIG_FILE),
		inFolder(WEIGHTS_FILE),
		inFolder(INDEX_FILE)
	];
	const evidence: Evidence = {};
	if (base) evidence.base = await sha256Hex(base);
	if (index) evidence.index = await readIndex(index);
	if (!config || !weights) return evidence;
	evidence.adapter = { config: await sha256Hex(config), weights: await sha256Hex(weights) };
	if (!base) return evidence;
	const graph = basename(baseFile);
	const model = unpackedGraph(readGraph({ graph, files: new Map([[graph, memorySource(base)]]) }));
	const adapter = readAdapter(parseAdapterConfig(config), memorySource(weights));
	const ort = await Ort.start({ build: 'wasm', threads: 1 });
	evidence.gradients = await SampleGradients.create(model, adapter, (built) => wasmRunner(ort, model, built));
	return evidence;
}

try {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: { adapter: { type: 'string' }, base: { type: 'string', default: BUNDLED } }
	});
	const [path] = positionals;
	if (!path) throw new RangeError('usage: npm run verify -- RECEIPT [--adapter DIR] [--base FILE]');
	const { receipt, transcript } = parseReceipt(new Uint8Array(readFileSync(path)));
	const verdict = await verify(receipt, transcript, await gather(values.adapter, values.base));
	console.log(JSON.stringify(verdict, null, '\t'));
	process.exit(EXIT[verdict.verdict]);
} catch (error) {
	if (error instanceof OpenLedgerError) console.error(`${error.message} ${error.remedy}`);
	else console.error(error instanceof Error ? error.message : error);
	process.exit(2);
}
