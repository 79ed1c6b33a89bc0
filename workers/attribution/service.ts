import { AdapterLibrary } from '#workers/engine/adapter-library.ts';
import type { EngineEnvironment } from '#workers/engine/environment.ts';
import { readGraph, unpackedGraph } from '#workers/engine/serve-graph.ts';
import { needsOf } from '#workers/engine/start-decoder.ts';
import { Tasks } from '#workers/engine/tasks.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { Mutex } from '#workers/generate/mutex.ts';
import { ModelLibrary } from '#workers/models/library.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { AdapterEntry, EngineSettings } from '#workers/protocol.ts';
import { chooseProvider } from '#workers/runtime/choose-provider.ts';
import { probeDevice } from '#workers/runtime/probe.ts';
import { Processor } from '#workers/runtime/processor.ts';
import type {
	AttributionApi,
	BuildEstimate,
	BuildProgress,
	IndexFacts,
	Measured,
	MeasurePhase,
	MeasureRequest,
	ReplySpan,
	Reviewed,
	SentenceInfluence,
	UnfinishedIndex
} from './api.ts';
import { attributeReply } from './attribute.ts';
import { BuildDrafts } from './index/build-draft.ts';
import { estimateBuild } from './index/build-estimate.ts';
import { buildIndex } from './index/build-index.ts';
import { describeMeasured, describeRow, shareOfRows } from './index/describe.ts';
import { replySample, SampleGradients, wasmRunner } from './gradients.ts';
import { IndexStore, type StoredIndex } from './index/index-store.ts';
import { indexRows } from './index/index-rows.ts';
import { AttributionQuery } from './query.ts';
import type { Receipt, Transcript } from './receipts/receipt.ts';
import { reviewRows } from './review/review.ts';
import { rowEffects } from './review/row-effects.ts';
import { wordsToHand } from './review/word-vectors.ts';
import { learntText, type LearntRows } from './index/rows-file.ts';
import { SpanFinder } from './spans/find.ts';
import { SpanStore } from './spans/span-store.ts';
import { tokenRanges } from './token-ranges.ts';
import { verify, type Verdict } from './receipts/verify.ts';

type Listener<Event> = (event: Event) => void;

/** A base with one adapter over it, ready for gradients. */
interface Subject {
	key: string;
	open: OpenModel;
	gradients: SampleGradients;
}

/** The attribution worker behind `AttributionApi`. It has a runtime of its own, so that the chat goes on beside it, or ends it. */
export class AttributionService implements AttributionApi {
	readonly #environment: EngineEnvironment;
	readonly #tasks = new Tasks();
	/** One thing at a time on the device. */
	readonly #device = new Mutex();
	readonly #store: Promise<FileStore>;
	readonly #models: Promise<ModelLibrary>;
	readonly #drafts: Promise<BuildDrafts>;
	readonly #spans: Promise<SpanStore>;
	readonly #processor: Processor;
	#subject: Subject | undefined;
	/** The index asked last, and what was made of its rows. */
	#index: { adapter: string; stored: StoredIndex; finder?: Promise<SpanFinder> } | undefined;

	constructor(environment: EngineEnvironment) {
		this.#environment = environment;
		this.#processor = new Processor(environment.ortUrls?.wasm);
		this.#store = Promise.resolve(environment.folder).then((folder) => FileStore.open(folder));
		this.#spans = this.#store.then(({ folder }) => new SpanStore(folder));
		this.#drafts = this.#store.then(({ folder }) => new BuildDrafts(folder));
		this.#models = this.#store.then((store) => new ModelLibrary(store, environment.appUrl));
	}

	async configure({ hubUrl, hubToken }: EngineSettings): Promise<void> {
		(await this.#models).useHub({ url: hubUrl, token: hubToken });
	}

	cancel(task: string): Promise<void> {
		this.#tasks.cancel(task);
		return Promise.resolve();
	}

	measure(request: MeasureRequest, onPhase: Listener<MeasurePhase>): Promise<Measured> {
		return this.#device.run(async () => {
			const { model, adapter, base, files, prompt, reply, logLikelihood, price, time } = request;
			onPhase('start');
			const served = { base, adapter: files, host: 0, price, time, prompt, reply, logLikelihood };
			const entry = await this.#entry(adapter);
			let stored: StoredIndex | undefined;
			let subject: Subject | undefined;
			let cause: string | undefined;
			const onFailure = (error: unknown) => {
				cause = error instanceof Error ? error.message : String(error);
				return warned(error);
			};
			if (entry && request.unmeasured === undefined) {
				// An index that cannot be read is none; its own page says what is wrong with it.
				stored = await this.#indexOf(entry).catch(warned);
				if (stored) subject = await this.#open(model, adapter).catch(onFailure);
			}
			const made = await attributeReply(
				{ ...served, contextLength: subject?.open.contextLength ?? Infinity },
				{ index: stored?.index, gradients: subject?.gradients },
				{ unmeasured: request.unmeasured ?? (stored && !subject ? 'failed' : undefined), onPhase, onFailure }
			);
			onPhase('rows');
			return { ...describeMeasured(made, stored), ...(cause !== undefined && { cause }) };
		});
	}

	ask(
		{ model, adapter, prompt, reply }: MeasureRequest,
		text: string,
		ranges: [start: number, end: number][]
	): Promise<SentenceInfluence[]> {
		return this.#device.run(async () => {
			const stored = await this.#required(adapter);
			const { open, gradients } = await this.#open(model, adapter);
			const asked = AttributionQuery.of(stored.index);
			const tokens = tokenRanges((ids) => open.tokenizer.decode(ids), reply, text, ranges);
			const samples = tokens.map(([from, to]) => replySample(prompt, reply, from, to));
			const vectors = await asked.vectors(gradients, samples);
			return ranges.map(([start, end], i) => {
				const { entries, tail } = asked.evidence(vectors[i] ?? new Int8Array(stored.index.projection.dims));
				return { start, end, rows: shareOfRows(entries, tail, stored) };
			});
		});
	}

	async spans(adapter: string, text: string): Promise<ReplySpan[]> {
		const stored = await this.#required(adapter);
		const { rows } = stored;
		if (!rows) return [];
		const current = this.#index;
		if (!current) return [];
		const { contributions } = stored.index.description;
		const texts = () => rows.rows.map(({ content }) => learntText(content));
		current.finder ??= this.#spans
			.then((spans) => spans.open(adapter, contributions, texts))
			.then((index) => new SpanFinder(index));
		const found = (await current.finder).find(text);
		return found.map(({ places, ...span }) => ({
			...span,
			rows: [...new Set(places.map(({ row }) => row))].map((row) => describeRow(row, stored))
		}));
	}

	verify(
		receipt: Receipt,
		transcript: Transcript | undefined,
		{ model, adapter }: { model: string; adapter: string }
	): Promise<Verdict> {
		return this.#device.run(async () => {
			const entry = await this.#entry(adapter);
			const stored = entry && (await this.#indexOf(entry).catch(() => undefined));
			const subject = entry && (await this.#open(model, adapter).catch(() => undefined));
			return verify(receipt, transcript, {
				base: subject?.open.sha256,
				adapter: entry?.files,
				index: stored?.index,
				gradients: subject?.gradients
			});
		});
	}

	async indexes(): Promise<IndexFacts[]> {
		return (await this.#indexes()).list(await this.#entries());
	}

	estimate(adapter: string, model: string, rows: LearntRows, task: string): Promise<BuildEstimate> {
		return this.#tasks.run(task, (signal) =>
			this.#device.run(async () => {
				const { open, gradients } = await this.#open(model, adapter);
				return estimateBuild(gradients, indexRows(rows, open), rows.rows.length, signal);
			}, signal)
		);
	}

	async unfinished(): Promise<UnfinishedIndex[]> {
		const drafts = await this.#drafts;
		const [found, entries] = [await drafts.list(), await this.#entries()];
		const here = new Set(entries.map(({ id }) => id));
		// Of adapters that were deleted nothing need be kept.
		for (const { adapter, elsewhere } of found)
			if (!elsewhere && !here.has(adapter)) await this.discard(adapter);
		await (await this.#spans).keepOnly(here);
		return found.filter(({ adapter }) => here.has(adapter));
	}

	async discard(adapter: string): Promise<void> {
		await this.#alone(adapter, (drafts) => drafts.remove(adapter));
	}

	build(
		adapter: string,
		model: string,
		given: LearntRows | undefined,
		task: string,
		onProgress: Listener<BuildProgress>
	): Promise<IndexFacts> {
		return this.#tasks.run(task, (signal) =>
			this.#device.run(
				() =>
					this.#alone(adapter, async (drafts) => {
						onProgress({ phase: 'start', done: 0, total: 1 });
						const entry = await this.#entry(adapter);
						if (!entry) throw notHere();
						const rows = given ?? (await drafts.rows(adapter));
						if (!rows) throw missing();
						const { open, gradients } = await this.#open(model, adapter);
						const { taken, learnt, groups } = indexRows(rows, open);
						let kept: Awaited<ReturnType<BuildDrafts['open']>>;
						try {
							const index = await buildIndex(gradients, taken, {
								base: open.sha256,
								adapter: entry.files,
								groups,
								signal,
								onProgress,
								keepSketches: async (about) => (kept = await drafts.open(adapter, { ...about, model }, rows))
							});
							onProgress({ phase: 'save', done: 0, total: 1 });
							const facts = await (await this.#indexes()).put(adapter, entry.name, { index, rows: learnt });
							if (this.#index?.adapter === adapter) this.#index = undefined;
							kept?.close();
							kept = undefined;
							await drafts.remove(adapter);
							return facts;
						} finally {
							kept?.close();
						}
					}),
				signal
			)
		);
	}

	async remove(adapter: string): Promise<void> {
		if (this.#index?.adapter === adapter) this.#index = undefined;
		await (await this.#indexes()).remove(adapter);
		await (await this.#spans).remove(adapter);
	}

	review(
		adapter: string,
		model: string,
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<Reviewed> {
		return this.#tasks.run(task, (signal) =>
			this.#device.run(async () => {
				const stored = await this.#required(adapter);
				if (!stored.rows) throw missing();
				const { open, gradients } = await this.#open(model, adapter);
				const { taken } = indexRows(stored.rows, open);
				const decode = (ids: readonly number[]) => open.tokenizer.decode(ids);
				const words = await wordsToHand(this.#environment.appUrl);
				const wordless = typeof words === 'string' ? words : undefined;
				const reviews = await reviewRows(gradients, taken, {
					decode,
					...(typeof words !== 'string' && { words }),
					signal,
					onProgress
				});
				const effects = rowEffects(stored.index);
				const rows = reviews.map(({ row, ...review }) => ({
					...describeRow(row, stored),
					...review,
					...(effects[row] ?? { others: 0, self: 0 })
				}));
				return { rows, wordless };
			}, signal)
		);
	}

	async #alone<T>(adapter: string, work: (drafts: BuildDrafts) => Promise<T>): Promise<T> {
		const drafts = await this.#drafts;
		return drafts.alone(adapter, () => work(drafts));
	}

	/** The base with the adapter; the last one is kept, since replies come in rows. */
	async #open(model: string, adapter: string): Promise<Subject> {
		const key = `${model} ${adapter}`;
		if (this.#subject?.key === key) return this.#subject;
		await this.#close();
		const open = await (await this.#models).open(model);
		try {
			const read = readGraph(open);
			const { slots } = rewriteForServing(read.model, { lora: 'matmul', fuse: true });
			const base = { name: open.item.name, hashes: open.hashes, slots };
			const lora = await new AdapterLibrary(await this.#store).read(adapter, base);
			const { threads } = chooseProvider(await probeDevice(), needsOf(open), 'wasm', 'work');
			const ort = await this.#processor.start(threads);
			const plain = unpackedGraph(read);
			const gradients = await SampleGradients.create(plain, lora, (graph) => wasmRunner(ort, plain, graph));
			return (this.#subject = { key, open, gradients });
		} catch (error) {
			await open.close();
			throw error;
		}
	}

	async #close(): Promise<void> {
		const subject = this.#subject;
		this.#subject = undefined;
		await subject?.gradients.dispose();
		await subject?.open.close();
	}

	async #indexOf(entry: AdapterEntry): Promise<StoredIndex | undefined> {
		if (this.#index?.adapter === entry.id) return this.#index.stored;
		const stored = await (await this.#indexes()).read(entry);
		this.#index = stored && { adapter: entry.id, stored };
		return stored;
	}

	/** @throws OpenLedgerError `index/missing` */
	async #required(adapter: string): Promise<StoredIndex> {
		const entry = await this.#entry(adapter);
		const stored = entry && (await this.#indexOf(entry));
		if (stored) return stored;
		throw missing();
	}

	async #entries(): Promise<AdapterEntry[]> {
		return new AdapterLibrary(await this.#store).list(undefined, () => false);
	}

	async #entry(adapter: string): Promise<AdapterEntry | undefined> {
		return (await this.#entries()).find(({ id }) => id === adapter);
	}

	async #indexes(): Promise<IndexStore> {
		return new IndexStore(await this.#store, this.#environment.appUrl);
	}
}

/** Goes on without, and leaves a trace of why. */
function warned(error: unknown): undefined {
	console.warn('A reply could not be measured.', error);
	return undefined;
}

function missing(): OpenLedgerError {
	return new OpenLedgerError(
		'index/missing',
		'This adapter has no attribution index with its rows on this device.',
		{
			remedy: 'Build it from the rows that the adapter was trained on.'
		}
	);
}

function notHere(): OpenLedgerError {
	return new OpenLedgerError('storage/damaged', 'This adapter is not stored on this device.', {
		remedy: 'Import it again.'
	});
}
