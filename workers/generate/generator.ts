import type { Candidates } from '#workers/runtime/candidates.ts';
import type { Decoder, KvState } from '#workers/runtime/decoder.ts';
import { CachePool, commonPrefix } from './cache-pool.ts';
import { Mutex } from './mutex.ts';
import {
	conversationOf,
	Sequence,
	type GenerationRequest,
	type GenerationResult,
	type SequenceModel
} from './sequence.ts';
import { yieldToEvents } from './yield.ts';

export interface GeneratorOptions extends SequenceModel {
	/** Prompt tokens per run: how long a prompt keeps others waiting, and the safe length on a faulty GPU. */
	prefillChunk: number;
	/** Requests decoded side by side; further ones wait. */
	maxRows: number;
	/** Bytes for the caches of conversations at rest. */
	cacheBudget: number;
}

/** Rows that decode together: their caches joined into one state. */
interface Batch {
	rows: readonly Sequence[];
	state: KvState;
}

/**
 * Serves requests over one decoder. Each round reads one chunk of the oldest unread prompt and decodes one token of every
 * other running request, as rows of one batch where the decoder can: so nobody waits for another's reply to end, and the
 * device never runs two things at once.
 */
export class Generator {
	readonly #decoder: Decoder;
	readonly #options: GeneratorOptions;
	readonly #device = new Mutex();
	readonly #caches: CachePool;
	readonly #waiting: Sequence[] = [];
	#running: Sequence[] = [];
	#batch: Batch | undefined;
	#working = false;

	constructor(decoder: Decoder, options: GeneratorOptions) {
		this.#decoder = decoder;
		this.#options = options;
		this.#caches = new CachePool(options.cacheBudget);
	}

	/**
	 * @throws OpenLedgerError `prompt/too-long`; `device/lost`, `device/out-of-memory` or `engine/failed` when the device
	 *   gives up: the text so far has been sent as events, and a request whose prompt ends with it (and `drawn` counts its
	 *   tokens) goes on where this one stopped.
	 */
	async generate(request: GenerationRequest): Promise<GenerationResult> {
		const sequence = new Sequence(request, this.#options);
		this.#waiting.push(sequence);
		const ahead = this.#running.length + this.#waiting.length - 1;
		if (ahead > 0) request.onEvent?.({ type: 'queued', ahead });
		void this.#work();
		return sequence.result;
	}

	/** Runs something else on the decoder, between two rounds. */
	exclusive<T>(task: (decoder: Decoder) => Promise<T>): Promise<T> {
		return this.#device.run(() => task(this.#decoder));
	}

	/** Forgets the caches of conversations at rest; all, or those of one conversation. */
	forget(conversation?: string): void {
		this.#caches.drop((key) => conversation === undefined || conversationOf(key) === conversation);
	}

	async #work(): Promise<void> {
		if (this.#working) return;
		this.#working = true;
		while (this.#waiting.length + this.#running.length > 0) {
			// What fails outside one request's own step (no memory left to regroup caches) fails them all.
			await this.#device.run(() => this.#round()).catch((error: unknown) => this.#abandon(error));
			await yieldToEvents();
		}
		this.#working = false;
	}

	async #round(): Promise<void> {
		this.#admit();
		const prefilling = this.#running.find((sequence) => !sequence.finished && sequence.pending > 1);
		const decoding = this.#running.filter((sequence) => !sequence.finished && sequence.pending === 1);
		if (prefilling) await this.#attempt([prefilling], () => this.#prefill(prefilling));
		if (this.#decoder.batches) await this.#attempt(decoding, () => this.#decode(decoding));
		else for (const sequence of decoding) await this.#attempt([sequence], () => this.#decode([sequence]));
		this.#retire();
	}

	/** Starts waiting requests while there are rows for them, in order; those whose cache is in use wait on. */
	#admit(): void {
		for (const sequence of [...this.#waiting]) {
			if (!sequence.finished) {
				const busy = this.#running.some((other) => other.cacheKey === sequence.cacheKey);
				if (busy || this.#running.length >= this.#options.maxRows) continue;
				this.#resume(sequence);
			}
			this.#waiting.splice(this.#waiting.indexOf(sequence), 1);
			this.#running.push(sequence);
		}
	}

	/** Takes up the conversation's cache as far as it holds the same tokens; one token at least is left to run. */
	#resume(sequence: Sequence): void {
		const cache = this.#caches.take(sequence.cacheKey);
		const shared = commonPrefix(cache?.tokens ?? [], sequence.tokens.slice(0, -1));
		if (cache && shared > 0) {
			this.#decoder.crop(cache.state, shared);
			sequence.begin(cache.state, shared);
		} else {
			cache?.state.dispose();
			sequence.begin(this.#decoder.createState(), 0);
		}
	}

	async #prefill(sequence: Sequence): Promise<void> {
		const state = sequence.state as KvState;
		const chunk = sequence.tokens.slice(sequence.cached, sequence.cached + this.#options.prefillChunk);
		const last = chunk.length === sequence.pending;
		const logits = await this.#decoder.run(state, [chunk], {
			adapters: [sequence.request.adapter?.device],
			logits: last ? 'last' : 'none'
		});
		sequence.prefilled(chunk.length);
		if (!last) return;
		const [candidates] = await logits.candidates([sequence.candidateRequest()]);
		if (candidates) await sequence.extend(candidates, logits, 0);
	}

	async #decode(rows: readonly Sequence[]): Promise<void> {
		if (rows.length === 0) return;
		const state = this.#gather(rows);
		const logits = await this.#decoder.run(
			state,
			rows.map(({ tokens }) => tokens.slice(-1)),
			{ adapters: rows.map(({ request }) => request.adapter?.device) }
		);
		const candidates = await logits.candidates(rows.map((sequence) => sequence.candidateRequest()));
		for (const [row, sequence] of rows.entries()) {
			sequence.cached++;
			await sequence.extend(candidates[row] as Candidates, logits, row);
		}
	}

	/** One state for these rows: the batch's as it stands, or a new one when somebody came or went. */
	#gather(rows: readonly Sequence[]): KvState {
		const batch = this.#batch;
		if (batch?.rows.length === rows.length && batch.rows.every((row, i) => row === rows[i]))
			return batch.state;
		this.#dissolve();
		const states = rows.map(({ state }) => state as KvState);
		const [only] = states;
		if (states.length === 1 && only) return only;
		this.#batch = { rows, state: this.#decoder.join(states) };
		for (const sequence of rows) {
			sequence.state?.dispose();
			sequence.state = undefined;
		}
		return this.#batch.state;
	}

	/** Gives every row of the batch its own cache again. */
	#dissolve(): void {
		const batch = this.#batch;
		this.#batch = undefined;
		batch?.rows.forEach((sequence, row) => (sequence.state = this.#decoder.split(batch.state, row)));
		batch?.state.dispose();
	}

	/** Ends the requests that are finished and lays their caches to rest. */
	#retire(): void {
		const finished = this.#running.filter((sequence) => sequence.finished);
		if (finished.length === 0) return;
		if (finished.some((sequence) => this.#batch?.rows.includes(sequence))) this.#dissolve();
		this.#running = this.#running.filter((sequence) => !finished.includes(sequence));
		for (const sequence of finished) {
			const { state, tokens, cached } = sequence;
			if (state && cached > 0)
				this.#caches.put(sequence.cacheKey, { tokens: tokens.slice(0, cached), state });
			else state?.dispose();
			sequence.complete();
		}
	}

	#abandon(error: unknown): void {
		this.#batch?.state.dispose();
		this.#batch = undefined;
		for (const sequence of [...this.#running, ...this.#waiting]) {
			sequence.state?.dispose();
			sequence.fail(error);
		}
		this.#running = [];
		this.#waiting.length = 0;
	}

	/** Runs a step; if it throws, the requests it served fail and the others go on. */
	async #attempt(sequences: readonly Sequence[], step: () => Promise<void>): Promise<void> {
		try {
			await step();
		} catch (error) {
			if (this.#batch?.rows.some((sequence) => sequences.includes(sequence))) {
				this.#batch.state.dispose();
				this.#batch = undefined;
			}
			this.#running = this.#running.filter((sequence) => !sequences.includes(sequence));
			for (const sequence of sequences) {
				sequence.state?.dispose();
				sequence.fail(error);
			}
		}
	}
}
