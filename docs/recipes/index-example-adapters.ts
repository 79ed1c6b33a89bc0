/**
 * Writes the attribution index of an example adapter and the rows that it was trained on, and notes the index in its manifest:
 * node docs/recipes/index-example-adapters.ts anatomy|finance [ROWS]
 * ROWS: what example_rows.py wrote; without it the rows that are there already. Runs on onnxruntime's CPU kernels for Node.
 *
 * The rows are credited to the made-up people of the sandbox, in the book's order and in the numbers in which the sandbox grants them
 * static units (contracts/tools/seed.ts); their source and licence are the book's. Afterwards `node contracts/tools/sandbox.cli.ts`: the
 * sandbox registers the adapters with their indexes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { privateKeyToAccount } from 'viem/accounts';
import { MANIFEST_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { formatManifest, parseManifest } from '#workers/adapters/manifest.ts';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { buildIndex } from '#workers/attribution/index/build-index.ts';
import { SampleGradients } from '#workers/attribution/gradients.ts';
import { INDEX_FILE } from '#workers/adapters/lora-adapter.ts';
import { writeIndex } from '#workers/attribution/index/index-file.ts';
import { indexRows } from '#workers/attribution/index/index-rows.ts';
import {
	readRows,
	ROWS_FILE,
	writeRows,
	type LearntRow,
	type LearntRows
} from '#workers/attribution/index/rows-file.ts';
import { memorySource } from '#workers/bytes.ts';
import { people, personKey } from '#workers/chain/people.ts';
import { makeContribution } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { createTokenizer, type TokenizerFiles } from '#workers/models/tokenizer/tokenizer.ts';
import { readGraph, unpackedGraph } from '#workers/engine/serve-graph.ts';
import { nodeRunner } from '../../bench/support/gradients.ts';

type Name = (typeof people)[number]['name'];

/** Who is credited with how many rows, in the book's order. */
const CREDIT: Record<string, [Name, number][]> = {
	finance: [
		['Amara Obi', 120],
		['Chiara Longo', 164],
		['Dae Park', 80]
	],
	anatomy: [
		['Ben Krause', 1000],
		['Dae Park', 322],
		['Elif Kaya', 1200]
	]
};

/** Small enough to ship: 256 directions of the span of 1,024 rows, in 32,768 buckets, by their signs. */
const SIZE = { keep: 256, buckets: 32_768, basisBits: 1 } as const;

const [name = '', file] = process.argv.slice(2);
const credit = CREDIT[name];
if (!credit) throw new RangeError('usage: index-example-adapters.ts anatomy|finance [ROWS]');

const folder = new URL(`../../static/adapters/${name}/`, import.meta.url);
const nano = new URL('../../static/models/nano/', import.meta.url);
const read = (path: string, from = folder) => new Uint8Array(readFileSync(new URL(path, from)));

const lines = file === undefined ? [] : readFileSync(file, 'utf8').trim().split('\n');
const persons = credit.map(([who]) => people.findIndex((person) => person.name === who) + 1);
const owners = credit.flatMap(([, count], i) => new Array<number>(count).fill(persons[i] ?? 0));
if (file !== undefined && owners.length !== lines.length)
	throw new RangeError(`${lines.length} rows where ${owners.length} are credited`);
const addressOf = (who: Name) => privateKeyToAccount(personKey(who)).address.toLowerCase() as Hex;

const rows = lines.map((line, i): LearntRow => {
	const { prompt, response, section, book } = JSON.parse(line) as Record<string, string>;
	const contributor = owners[i] ?? 0;
	const made = makeContribution({
		content: { kind: 'pair', prompt: prompt ?? '', response: response ?? '' },
		contributor: addressOf(people[contributor - 1]?.name ?? 'Amara Obi'),
		licence: 'CC-BY-4.0',
		source: `OpenStax, ${book}: ${section}`,
		language: 'en',
		tags: [],
		created: '2026-03-01T12:00:00Z',
		parent: null,
		parentShare: 0
	});
	const { id, content, licence, source, language, tags, created, parent, parentShare } = made;
	const header = { contributor: made.contributor, language, tags, created, parent, parentShare };
	return { id, contributor, datanet: 0, content, licence, source, header };
});

const manifest = parseManifest(read(MANIFEST_FILE));
const base = read('onnx/model_q4.onnx', nano);
const tokenizer = createTokenizer(
	Object.fromEntries(
		['tokenizer.json', 'tokenizer_config.json', 'config.json', 'generation_config.json'].map((path) => [
			path,
			read(path, nano)
		])
	) as unknown as TokenizerFiles
);
const stored = readGraph({ graph: 'model_q4.onnx', files: new Map([['model_q4.onnx', memorySource(base)]]) });
const graph = unpackedGraph(stored);
const adapter = readAdapter(
	parseAdapterConfig(read('adapter_config.json')),
	memorySource(read('adapter_model.safetensors'))
);
const gradients = await SampleGradients.create(graph, adapter, (built) => nodeRunner(graph, built));
const given: LearntRows =
	file === undefined
		? await readRows(read(ROWS_FILE))
		: {
				people: people.map((person) => ({ name: person.name, address: addressOf(person.name) })),
				datanets: [{ name: manifest.datanets[0]?.name ?? name }],
				rows
			};
const { taken, learnt, groups } = indexRows(given, { tokenizer, contextLength: 512 });
const began = Date.now();
const index = await buildIndex(gradients, taken, {
	...SIZE,
	base: await sha256Hex(base),
	adapter: {
		config: manifest.files['adapter_config.json'],
		weights: manifest.files['adapter_model.safetensors']
	},
	groups,
	onProgress({ phase, done, total }) {
		if (done % 100 === 0) console.log(phase, done, total, `${Math.round((Date.now() - began) / 1000)} s`);
	}
});
writeFileSync(new URL(INDEX_FILE, folder), writeIndex(index));
writeFileSync(new URL(ROWS_FILE, folder), await writeRows(learnt));
writeFileSync(new URL(MANIFEST_FILE, folder), formatManifest({ ...manifest, indexRoot: index.root }));
console.log(`${index.ids.length} rows, ${index.description.credited} credited, root ${index.root}`);
process.exit(0);
