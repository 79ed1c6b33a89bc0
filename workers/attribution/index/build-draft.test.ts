import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { contentHash, type Content } from '#workers/datanets/contribution.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { fullError, type Folder } from '#workers/models/store/folder.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import { NodeFolder } from '#workers/models/store/node-folder.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { adapterOf } from '#workers/train/adapter.ts';
import { nodeRunner } from '../../../bench/support/gradients.ts';
import { BuildDrafts } from './build-draft.ts';
import { estimateBuild } from './build-estimate.ts';
import { buildIndex, type BuildOptions, type IndexRow } from './build-index.ts';
import { replySample, SampleGradients } from '../gradients.ts';
import { writeIndex } from './index-file.ts';
import type { LearntRows } from './rows-file.ts';

const random = seededRandom(12);
const config = { ...randomDecoderConfig('llama', random), layers: 1 };
const read: ReadGraph = {
	model: buildDecoder(config, randomWeights(config, 3), { dtype: 'fp32' }),
	sources: new Map()
};
const targetModules = ['q_proj', 'down_proj'];
const { layout } = trainGraph(read.model, { lora: { rank: 2, modules: targetModules } });
const adapter = adapterOf(
	Float32Array.from({ length: layout.length }, () => (random() - 0.5) * 0.4),
	layout,
	{ rank: 2, alpha: 4, rankStabilised: false, targetModules },
	'test'
);
const gradients = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
afterAll(() => gradients.dispose());

const ids = (count: number) => randomIds(config.vocab, count, random);
const ROWS = 70;
/** Of several lengths; some have several samples, so that a row's gradient comes out of two batches. */
const rows = Array.from({ length: ROWS }, (_, i): IndexRow => ({
	id: `0x${(i + 1).toString(16).padStart(64, '0')}`,
	contributor: 1 + (i % 3),
	samples: Array.from({ length: i % 5 === 0 ? 3 : 1 }, () => replySample(ids(3), ids(2 + (i % 7))))
}));
const ID = 'a'.repeat(64);
const about = { base: 'b', adapter: { config: 'c', weights: 'w' } };
const content: Content = { kind: 'pair', prompt: 'What is a patella?', response: 'The kneecap.' };
const learnt: LearntRows = {
	people: [{}],
	datanets: [{ name: 'Bones' }],
	rows: [{ id: contentHash(content), contributor: 1, datanet: 0, content }]
};

let folder: NodeFolder;
let path: string;
beforeEach(() => {
	path = mkdtempSync(join(tmpdir(), 'draft-'));
	folder = new NodeFolder(path);
	onTestFinished(() => rmSync(path, { recursive: true }));
});

/** The folder, but for some of what it does. */
const other = (changes: Partial<Folder>): Folder => ({
	name: folder.name,
	lasting: true,
	names: (directory) => folder.names(directory),
	openToRead: (file) => folder.openToRead(file),
	openToWrite: (file) => folder.openToWrite(file),
	rename: (from, to) => folder.rename(from, to),
	remove: (file) => folder.remove(file),
	space: () => Promise.resolve(undefined),
	...changes
});

/** Builds, keeping what is done in the folder; gives up after so many rows where told. Gradients that were computed are counted. */
async function build({
	stopAfter = Infinity,
	in: where = folder as Folder,
	...options
}: Partial<BuildOptions> & { stopAfter?: number; in?: Folder } = {}) {
	const drafts = new BuildDrafts(where);
	const controller = new AbortController();
	let [computed, seen] = [0, 0];
	const counting = Object.create(gradients, {
		size: { value: gradients.size },
		features: { value: gradients.features },
		// Of rows as they are learnt; what is asked of them besides is computed anew each time.
		along: {
			value: (samples: Parameters<SampleGradients['along']>[0]) => (
				(computed += samples.length),
				gradients.along(samples)
			)
		},
		of: { value: (...given: Parameters<SampleGradients['of']>) => gradients.of(...given) },
		rest: { value: () => gradients.rest() },
		products: { value: () => gradients.products() }
	}) as SampleGradients;
	let kept: Awaited<ReturnType<BuildDrafts['open']>>;
	try {
		const index = await buildIndex(counting, rows, {
			...about,
			...options,
			signal: controller.signal,
			onProgress: ({ phase }) => {
				if (phase === 'gradients' && ++seen === stopAfter) controller.abort();
			},
			keepSketches: async (plan) => (kept = await drafts.open(ID, { ...plan, model: 'm' }, learnt))
		});
		return { bytes: hashOf(writeIndex(index)), computed };
	} catch (error) {
		if (!controller.signal.aborted) throw error;
		return { computed };
	} finally {
		kept?.close();
	}
}

/** Megabytes that differ take minutes to be shown. */
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Without keeping anything. */
const plain = async (options: Partial<BuildOptions> = {}) =>
	hashOf(writeIndex(await buildIndex(gradients, rows, { ...about, ...options })));
const samples = rows.flatMap(({ samples: all }) => all).length;

describe('an index whose build was interrupted', () => {
	// Fewer directions than rows: landmarks first, then the others, then power steps.
	test.each([{}, { maxDims: 32 }])(
		'comes out bit by bit as in one go, and computes nothing twice: %j',
		async (options) => {
			const whole = await plain(options);
			let before = 0;
			for (const stopAfter of [1, 7, 31, 33, ROWS - 1]) {
				const { bytes, computed } = await build({ stopAfter, ...options });
				expect(bytes).toBeUndefined();
				before += computed;
			}
			const { bytes, computed } = await build(options);
			expect(bytes).toEqual(whole);
			// A batch that was under way is computed again.
			expect(computed).toBeLessThan(24);
			expect(before + computed).toBeLessThan(samples + 6 * 16);
			expect((await build(options)).computed).toBe(0);
		}
	);

	test('is listed with how far it was and the rows that it goes on with, until it is forgotten', async () => {
		await build({ stopAfter: 20 });
		const drafts = new BuildDrafts(folder);
		const [found, ...others] = await drafts.list();
		expect(others).toEqual([]);
		expect(found).toMatchObject({ adapter: ID, model: 'm', total: ROWS, elsewhere: false });
		expect(found?.done).toBeGreaterThanOrEqual(20);
		expect(found?.done).toBeLessThan(ROWS);
		expect(await drafts.rows(ID)).toEqual(learnt);
		await drafts.alone(ID, async () => {
			await expect(drafts.alone(ID, () => drafts.remove(ID))).rejects.toMatchObject({ code: 'engine/busy' });
			expect(await drafts.list()).toMatchObject([{ adapter: ID, elsewhere: true }]);
		});
		await drafts.remove(ID);
		expect(await drafts.list()).toEqual([]);
		expect(await drafts.rows(ID)).toBeUndefined();
	});

	test('leaves out what a crash tore and what was damaged', async () => {
		const whole = await plain();
		await build({ stopAfter: 40 });
		const file = join(path, 'indexing', `${ID}.sketches`);
		const bytes = readFileSync(file);
		const [first = {} as never] = await new BuildDrafts(folder).list();
		bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
		writeFileSync(file, bytes);
		truncateSync(file, bytes.length - 5);
		const { bytes: index, computed } = await build();
		expect(index).toEqual(whole);
		expect(computed).toBeGreaterThan(samples - first.done - 30);
		expect(computed).toBeLessThan(samples);
	});

	test('is begun anew where its plan is torn, or where rows or choices are others', async () => {
		await build({ stopAfter: 60 });
		truncateSync(join(path, 'indexing', `${ID}.plan`), 20);
		expect(await new BuildDrafts(folder).list()).toEqual([]);
		expect((await build({ stopAfter: 60 })).computed).toBeGreaterThan(55);
		const anew = await build({ seed: 2 });
		expect(anew).toEqual({ bytes: await plain({ seed: 2 }), computed: samples });
	});

	test('is built all the same where nothing can be kept: no room, a disk that fills up, no lasting storage', async () => {
		const whole = await plain();
		const small = other({ space: () => Promise.resolve({ used: 0, quota: 10_000 }) });
		expect((await build({ in: small })).bytes).toEqual(whole);
		expect((await build({ in: new MemoryFolder() })).bytes).toEqual(whole);
		const filling = other({
			async openToWrite(name) {
				const file = await folder.openToWrite(name);
				const write = file.write.bind(file);
				file.write = (offset, bytes) => {
					if (offset > 50_000) throw fullError();
					write(offset, bytes);
				};
				return file;
			}
		});
		expect((await build({ in: filling })).bytes).toEqual(whole);
	});
});

test('what an index would take is measured: time and room, rows that repeat others apart', async () => {
	const groups = new Int32Array(ROWS).fill(-1);
	groups[4] = groups[9] = 4;
	const { signal } = new AbortController();
	const estimate = await estimateBuild(gradients, { taken: rows, groups }, ROWS + 2, signal);
	expect(estimate).toMatchObject({ rows: ROWS, repeated: 1, left: 2 });
	expect(estimate.seconds).toBeGreaterThan(0);
	expect(estimate.seconds).toBeLessThan(120);
	const bytes = writeIndex(await buildIndex(gradients, rows, about));
	expect(estimate.bytes / bytes.length).toBeGreaterThan(0.95);
	expect(estimate.bytes / bytes.length).toBeLessThan(1.05);
	await build({ stopAfter: ROWS - 1 });
	const [found = {} as never] = await new BuildDrafts(folder).list();
	expect(found.bytes / estimate.bytesMeanwhile).toBeCloseTo(1, 1);
});
