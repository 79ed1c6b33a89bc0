import { blend, packAdapter, type PackedAdapter } from '#workers/adapters/pack.ts';
import { AdapterPool } from '#workers/adapters/pool.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import { Generator } from '#workers/generate/generator.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import type { Completion, GenerateEvent, GenerateRequest, LoadedModel } from '#workers/protocol.ts';
import type { Decoder, DeviceAdapter } from '#workers/runtime/decoder.ts';
import type { AdapterBase, AdapterLibrary } from './adapter-library.ts';
import { encodePrompt, fitConversation, instructionTokens } from './conversation.ts';
import { needsOf } from './start-decoder.ts';

/** Bytes for adapters on the device, and for the caches of conversations at rest. */
const ADAPTER_BUDGET = 256 * 2 ** 20;
const CACHE_BUDGET = 256 * 2 ** 20;
/** Replies decoded side by side; further requests wait. */
const MAX_ROWS = 4;
/** At least this share of the context is kept for the reply. */
const REPLY_SHARE = 4;

interface BaseOptions {
	info: LoadedModel;
	decoder: Decoder;
	/** The stored model: held open so that nobody deletes it. */
	open: OpenModel;
	adapterBase: AdapterBase;
	library: AdapterLibrary;
	/** Prompt tokens per run. */
	prefillChunk: number;
	/** 1 on WebGPU, which cannot take empty tensors. */
	minRank: number;
}

/** A running base model, and everything that depends on it: adapters on the device, caches, replies. */
export class Base {
	readonly info: LoadedModel;
	readonly adapterBase: AdapterBase;
	readonly #options: BaseOptions;
	readonly #generator: Generator;
	/** Adapters and blends on the device, by `keyOf`. */
	readonly #adapters = new AdapterPool<DeviceAdapter>(ADAPTER_BUDGET);

	constructor(options: BaseOptions) {
		this.#options = options;
		this.info = options.info;
		this.adapterBase = options.adapterBase;
		const { open, info, prefillChunk } = options;
		this.#generator = new Generator(options.decoder, {
			decode: (ids) => open.tokenizer.decode(ids),
			endTokens: new Set(open.tokenizer.eosIds),
			contextLength: info.contextLength,
			prefillChunk,
			maxRows: MAX_ROWS,
			cacheBudget: CACHE_BUDGET
		});
	}

	/** Whether it computes as attribution does: in float32, on the wasm kernels. */
	get #isExact(): boolean {
		return this.info.provider === 'wasm' && needsOf(this.#options.open).features.length === 0;
	}

	/** True while the adapter alone is on the device. */
	isResident(id: string): boolean {
		return this.#adapters.has(keyOf([{ id, weight: 1 }]));
	}

	/** An adapter was deleted: what is on the device of it may go. */
	forgetAdapter(id: string): void {
		this.#adapters.forget((key) => key.includes(id));
	}

	/** Of instructions before a conversation, and how many there is room for with the question, whatever a reply may take. */
	measureInstructions(text: string): { tokens: number; room: number } {
		const { contextLength } = this.info;
		return {
			tokens: instructionTokens(this.#options.open.tokenizer, text),
			room: contextLength - Math.floor(contextLength / REPLY_SHARE)
		};
	}

	/** @throws OpenLedgerError `prompt/too-long`, `adapter/*`, `storage/damaged`, `device/*`, `engine/failed` */
	async generate(
		request: GenerateRequest,
		onEvent: (event: GenerateEvent) => void,
		signal: AbortSignal
	): Promise<Completion> {
		const { tokenizer } = this.#options.open;
		const { contextLength } = this.info;
		const reserve = Math.min(request.maxNewTokens, Math.floor(contextLength / REPLY_SHARE));
		const { prompt, messages, logProbs, json } = request;
		const { tokens, trimmed } =
			prompt === undefined
				? fitConversation(tokenizer, messages, { contextLength, reserve })
				: { tokens: encodePrompt(tokenizer, prompt, contextLength), trimmed: 0 };
		if (trimmed > 0) onEvent({ type: 'trimmed', turns: trimmed });
		const seed = request.sampling.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
		const key = keyOf(request.adapters);
		const lease =
			request.adapters.length > 0
				? await this.#adapters.acquire(key, () => this.#upload(request.adapters))
				: undefined;
		const [only, ...others] = request.adapters;
		try {
			const result = await this.#generator.generate({
				conversation: request.conversation,
				tokens,
				adapter: lease && { key, device: lease.adapter },
				sampling: { ...request.sampling, seed },
				maxNewTokens: request.maxNewTokens,
				stop: request.stop,
				logProbs,
				likelihood: this.#isExact && only?.weight === 1 && others.length === 0,
				json,
				signal,
				onEvent
			});
			return {
				text: result.text,
				finish: result.finish,
				model: this.info.id,
				provider: this.info.provider,
				adapters: request.adapters,
				ids: { prompt: tokens, reply: result.tokens },
				tokens: { prompt: result.promptTokens, reused: result.reused, completion: result.tokens.length },
				firstTokenMs: result.firstTokenMs,
				tokensPerSecond: result.tokensPerSecond,
				seed,
				...(result.logProbs && { logProbs: result.logProbs }),
				...(result.logLikelihood !== undefined && { logLikelihood: result.logLikelihood })
			};
		} finally {
			lease?.release();
		}
	}

	async dispose(): Promise<void> {
		this.#generator.forget();
		await this.#generator.exclusive((decoder) => decoder.dispose());
		await this.#options.open.close();
	}

	async #upload(chosen: GenerateRequest['adapters']): Promise<DeviceAdapter> {
		const { library, decoder, adapterBase, minRank } = this.#options;
		const { slots } = adapterBase;
		const parts: { adapter: PackedAdapter; weight: number }[] = [];
		for (const { id, weight } of chosen)
			parts.push({ adapter: packAdapter(await library.read(id, adapterBase), slots), weight });
		const [only] = parts;
		const packed = parts.length === 1 && only?.weight === 1 ? only.adapter : blend(parts, slots);
		const inputs = stackRows([packed], slots, { minRank });
		return this.#generator.exclusive(() => Promise.resolve(decoder.upload(inputs)));
	}
}

/** Names a choice of adapters. The same choice in another order is the same. */
function keyOf(adapters: GenerateRequest['adapters']): string {
	const named = adapters.map(({ id, weight }) => ({ id, weight }));
	return JSON.stringify(named.sort((a, b) => (a.id < b.id ? -1 : 1)));
}
