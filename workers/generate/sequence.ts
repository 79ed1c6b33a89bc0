import { OpenLedgerError } from '#workers/errors.ts';
import type { Sampling, TokenLogProb } from '#workers/protocol.ts';
import { topCandidates, type CandidateRequest, type Candidates } from '#workers/runtime/candidates.ts';
import type { DeviceAdapter, KvState, Logits } from '#workers/runtime/decoder.ts';
import { IncrementalDetokeniser, type Decode } from './detokeniser.ts';
import { JsonText } from './json-text.ts';
import { uniform } from './random.ts';
import { candidatesFor, choose, DEFAULT_COUNT } from './sampler.ts';
import { StopStrings } from './stop-strings.ts';

export interface GenerationRequest {
	/** Turns of one conversation reuse its cache; two requests of one conversation run one after the other. */
	conversation: string;
	/** The whole prompt, template applied. */
	tokens: readonly number[];
	/** Undefined: the base model. `key` names it in the cache: same key, same weights. */
	adapter?: { key: string; device: DeviceAdapter };
	sampling: Sampling & { seed: number };
	/**
	 * Draws already made for this reply, when it continues one that was interrupted: its tokens stand at the end of
	 * `tokens`.
	 */
	drawn?: number;
	maxNewTokens: number;
	stop?: readonly string[];
	/** Reports ln p of every chosen token, and of this many of the likeliest at its place. */
	logProbs?: number;
	/** Sums ln p of the chosen tokens (`logLikelihood`). */
	likelihood?: boolean;
	/** The reply is to be one JSON object: only tokens that keep to it are drawn, and it ends where the object does. */
	json?: boolean;
	/** Ends the request within one token; it then resolves with what it has. */
	signal?: AbortSignal;
	onEvent?: (event: GenerationEvent) => void;
}

export type GenerationEvent =
	| { type: 'queued'; ahead: number }
	| { type: 'prefill'; done: number; total: number; reused: number }
	/** `tokens`, where asked for: those since the last event. */
	| { type: 'text'; delta: string; tokens?: TokenLogProb[] };

export interface GenerationResult {
	/** Ids of the reply, the ending token left out. */
	tokens: number[];
	text: string;
	/** `stop`: an ending token or a stop string; `length`: maxNewTokens; `context`: the context is full. */
	finish: Finish;
	promptTokens: number;
	/** Prompt tokens whose keys and values were still there. */
	reused: number;
	/** From the start of the work, not counting the queue. */
	firstTokenMs: number;
	/** After the first token; 0 for replies of fewer than two tokens. */
	tokensPerSecond: number;
	/** Of each of `tokens`, where asked for. */
	logProbs?: TokenLogProb[];
	/** ln p(`tokens` | prompt) under the model itself, temperature 1 and no penalty, in nats; where asked for. */
	logLikelihood?: number;
}

export type Finish = 'stop' | 'length' | 'context' | 'cancelled';

export interface SequenceModel {
	decode: Decode;
	/** Ids that end a reply. */
	endTokens: ReadonlySet<number>;
	/** Positions the model was trained for. */
	contextLength: number;
}

/** The conversation of a cache key. */
export const conversationOf = (cacheKey: string): string => (JSON.parse(cacheKey) as [string, string])[0];

/** One request in progress: what it has said so far, and what it needs next. */
export class Sequence {
	readonly request: GenerationRequest;
	readonly result: Promise<GenerationResult>;
	/** Prompt and reply. */
	readonly tokens: number[];
	readonly reply: number[] = [];
	/** Its cache; undefined while it is a row of a batch, which holds it then. */
	state: KvState | undefined;
	/** Tokens whose keys and values are in the cache. */
	cached = 0;
	reused = 0;
	#resolve!: (result: GenerationResult) => void;
	#reject!: (error: unknown) => void;
	readonly #model: SequenceModel;
	readonly #text: IncrementalDetokeniser;
	readonly #stops: StopStrings;
	readonly #seen: Set<number>;
	readonly #json: JsonText | undefined;
	readonly #logProbs: TokenLogProb[] = [];
	#logLikelihood = 0;
	/** How many of `#logProbs` have been told. */
	#told = 0;
	#shown = '';
	#finish: Finish | undefined;
	#started = 0;
	#firstToken = 0;
	#lastToken = 0;

	/** @throws OpenLedgerError `prompt/too-long` where prompt and one token do not fit the context */
	constructor(request: GenerationRequest, model: SequenceModel) {
		const { tokens } = request;
		if (tokens.length === 0) throw new RangeError('an empty prompt');
		if (tokens.length >= model.contextLength)
			throw new OpenLedgerError(
				'prompt/too-long',
				`The conversation has ${tokens.length} tokens; this model reads at most ${model.contextLength - 1}.`,
				{
					remedy: 'Start a new conversation, shorten the message, or choose a model with a longer context.',
					details: { tokens: tokens.length, contextLength: model.contextLength }
				}
			);
		this.request = request;
		this.tokens = [...tokens];
		this.#model = model;
		this.#text = new IncrementalDetokeniser(model.decode);
		this.#stops = new StopStrings(request.stop ?? []);
		this.#json = request.json ? new JsonText() : undefined;
		this.#seen = new Set(request.sampling.repetitionPenalty === 1 ? [] : tokens);
		this.result = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
		if (request.maxNewTokens <= 0) this.#finish = 'length';
	}

	/** Keys under which its cache rests: conversation and adapter. */
	get cacheKey(): string {
		return JSON.stringify([this.request.conversation, this.request.adapter?.key ?? '']);
	}

	get cancelled(): boolean {
		return this.request.signal?.aborted ?? false;
	}

	get finished(): boolean {
		if (this.cancelled) this.#finish ??= 'cancelled';
		return this.#finish !== undefined;
	}

	/** Tokens that the cache lacks. One when decoding, more while the prompt is read. */
	get pending(): number {
		return this.tokens.length - this.cached;
	}

	/** The clock of `firstTokenMs` starts; `reused` tokens of the prompt are in `state` already. */
	begin(state: KvState, reused: number): void {
		this.#started = performance.now();
		this.state = state;
		this.reused = this.cached = reused;
		this.#reportPrefill();
	}

	/** `count` more prompt tokens have been read. */
	prefilled(count: number): void {
		this.cached += count;
		this.#reportPrefill();
	}

	#reportPrefill(): void {
		const total = this.request.tokens.length;
		this.request.onEvent?.({ type: 'prefill', done: this.cached, total, reused: this.reused });
	}

	/** What its next draw needs of the logits. */
	candidateRequest(): CandidateRequest {
		const { sampling, logProbs, likelihood = false } = this.request;
		return {
			count: Math.max(this.#json ? DEFAULT_COUNT : candidatesFor(sampling), logProbs ?? 0),
			temperature: sampling.temperature,
			penalty: sampling.repetitionPenalty,
			seen: this.#seen,
			logProbs: likelihood || logProbs !== undefined
		};
	}

	/** Draws a token from the logits of `row`, shows its text, and decides whether the reply ends. */
	async extend(candidates: Candidates, logits: Logits, row: number): Promise<void> {
		const { sampling } = this.request;
		let chosen = this.#draw(candidates);
		if (chosen === undefined) {
			const everything = await logits.last(row);
			const request = { ...this.candidateRequest(), count: everything.length };
			candidates = topCandidates(everything, request);
			chosen = this.#draw(candidates);
		}
		if (chosen === undefined) throw new RangeError('no token could be drawn');
		this.#lastToken = performance.now();
		if (this.reply.length === 0) this.#firstToken = this.#lastToken;
		if (this.#model.endTokens.has(chosen)) {
			this.#finish = 'stop';
			return;
		}
		this.tokens.push(chosen);
		this.reply.push(chosen);
		if (sampling.repetitionPenalty !== 1) this.#seen.add(chosen);
		if (this.request.likelihood) this.#logLikelihood += logProbAt(candidates.ids.indexOf(chosen), candidates);
		if (this.request.logProbs !== undefined)
			this.#logProbs.push(this.#logProbOf(chosen, candidates, this.request.logProbs));
		const piece = this.#text.push(chosen);
		this.#json?.push(piece);
		this.#show(piece);
		if (this.#json?.whole) this.#finish ??= 'stop';
		if (this.reply.length >= this.request.maxNewTokens) this.#finish ??= 'length';
		else if (this.tokens.length >= this.#model.contextLength) this.#finish ??= 'context';
	}

	/** @returns undefined where the list is too short to tell */
	#draw(candidates: Candidates): number | undefined {
		const { sampling, drawn = 0 } = this.request;
		const draw = uniform(sampling.seed, drawn + this.reply.length);
		const fitting = this.#json ? this.#fitting(candidates, this.#json) : candidates;
		return fitting && choose(fitting, sampling, draw);
	}

	/**
	 * Those of the candidates that keep to `json`. The draw is among the first of them, which hold nearly all of what is likely: to ask
	 * of the whole vocabulary at every place would take longer than the model.
	 */
	#fitting(candidates: Candidates, json: JsonText): Candidates | undefined {
		const places: number[] = [];
		for (let at = 0; at < candidates.ids.length && places.length < DEFAULT_COUNT; at++) {
			const id = candidates.ids[at] as number;
			if (this.#model.endTokens.has(id)) continue;
			const piece = this.#text.peek(id);
			if (piece !== '' && json.allows(piece)) places.push(at);
		}
		if (places.length === 0) return undefined;
		const pick = (from: Float32Array) => Float32Array.from(places, (at) => from[at] as number);
		const { ids, logits, rawLogits } = candidates;
		return {
			...candidates,
			ids: Uint32Array.from(places, (at) => ids[at] as number),
			logits: pick(logits),
			rawLogits: pick(rawLogits),
			complete: true
		};
	}

	#logProbOf(chosen: number, candidates: Candidates, count: number): TokenLogProb {
		const { ids, rawLogits } = candidates;
		const tell = (at: number) => ({
			text: this.#model.decode([ids[at] as number]),
			logProb: logProbAt(at, candidates)
		});
		const likeliest = Array.from(ids.keys())
			.sort((a, b) => (rawLogits[b] as number) - (rawLogits[a] as number))
			.slice(0, count);
		return { ...tell(ids.indexOf(chosen)), likeliest: likeliest.map(tell) };
	}

	complete(): void {
		this.#flush();
		const decoded = this.reply.length - 1;
		const seconds = (this.#lastToken - this.#firstToken) / 1000;
		this.#resolve({
			tokens: this.reply,
			text: this.#shown,
			finish: this.#finish ?? 'cancelled',
			promptTokens: this.request.tokens.length,
			reused: this.reused,
			firstTokenMs: this.reply.length > 0 ? this.#firstToken - this.#started : 0,
			tokensPerSecond: decoded > 0 && seconds > 0 ? decoded / seconds : 0,
			...(this.request.logProbs !== undefined && { logProbs: this.#logProbs }),
			...(this.request.likelihood && { logLikelihood: this.#logLikelihood })
		});
	}

	/** Shows what there is of the text, then rejects. */
	fail(error: unknown): void {
		try {
			this.#flush();
		} finally {
			this.#reject(error);
		}
	}

	#show(piece: string): void {
		if (piece === '') return;
		const { text, stopped } = this.#stops.push(piece);
		this.#emit(text);
		if (stopped) this.#finish = 'stop';
	}

	#flush(): void {
		this.#show(this.#text.flush());
		this.#emit(this.#stops.flush());
	}

	#emit(delta: string): void {
		const tokens = this.#logProbs.slice(this.#told);
		if (delta === '') return;
		this.#told = this.#logProbs.length;
		this.#shown += delta;
		this.request.onEvent?.({ type: 'text', delta, ...(tokens.length > 0 && { tokens }) });
	}
}

/** ln p of a candidate under the model itself: temperature 1, no penalty. */
const logProbAt = (at: number, { rawLogits, rawLogSumExp }: Candidates): number =>
	(rawLogits[at] as number) - rawLogSumExp;
