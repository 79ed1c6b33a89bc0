import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import { packAdapter } from '#workers/adapters/pack.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import type { StartedDecoder } from '#workers/engine/start-decoder.ts';
import { Generator } from '#workers/generate/generator.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import type { ChatMessage } from '#workers/protocol.ts';
import type { DeviceAdapter } from '#workers/runtime/decoder.ts';

/** Rows decoded side by side: base and adapter of two questions. */
const ROWS = 4;
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 };

/** Undefined: the base alone. */
export type Answerer = DeviceAdapter | undefined;

/** Asks a base model with and without an adapter that need not be stored. Replies are the most likely ones (greedy). */
export class Replies {
	readonly #started: StartedDecoder;
	readonly #open: OpenModel;
	readonly #generator: Generator;
	#count = 0;

	constructor(started: StartedDecoder, open: OpenModel) {
		this.#started = started;
		this.#open = open;
		const { tokenizer, contextLength } = open;
		this.#generator = new Generator(started.decoder, {
			decode: (ids) => tokenizer.decode(ids),
			endTokens: new Set(tokenizer.eosIds),
			contextLength,
			prefillChunk: started.prefillChunk,
			maxRows: ROWS,
			cacheBudget: 0
		});
	}

	/** Puts an adapter on the device; dispose of it when it is no longer asked. */
	upload(adapter: LoraAdapter): Promise<DeviceAdapter> {
		const { slots, minRank, decoder } = this.#started;
		const inputs = stackRows([packAdapter(adapter, slots)], slots, { minRank });
		return this.#generator.exclusive(() => Promise.resolve(decoder.upload(inputs)));
	}

	/** The replies of several answerers to one conversation, decoded as rows of one batch. */
	async ask(
		messages: readonly ChatMessage[],
		answerers: readonly Answerer[],
		{ maxNewTokens, signal }: { maxNewTokens: number; signal?: AbortSignal }
	): Promise<string[]> {
		const { tokenizer, contextLength } = this.#open;
		const prompt = tokenizer.encode(tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true }));
		const tokens = prompt.slice(0, contextLength - 1);
		const results = await Promise.all(
			answerers.map((device) => {
				const conversation = `evaluation-${this.#count++}`;
				return this.#generator.generate({
					conversation,
					tokens,
					adapter: device && { key: conversation, device },
					sampling: GREEDY,
					maxNewTokens: Math.min(maxNewTokens, contextLength - tokens.length),
					signal
				});
			})
		);
		signal?.throwIfAborted();
		return results.map(({ text }) => text.trim());
	}

	async dispose(): Promise<void> {
		this.#generator.forget();
		await this.#generator.exclusive((decoder) => decoder.dispose());
	}
}
