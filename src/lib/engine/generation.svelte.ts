import { proxy } from '#workers/comlink.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { Completion, GenerateEvent, GenerateRequest } from '#workers/protocol.ts';
import { asError, type Engine } from './engine.svelte.ts';

/** One reply on its way. `text` starts with what is being continued. */
export class Generation {
	phase = $state<'model' | 'queued' | 'prefill' | 'text' | 'done'>('model');
	/** Requests before this one. */
	ahead = $state(0);
	/** Prompt tokens read so far. */
	prefill = $state.raw<{ done: number; total: number }>();
	text = $state('');
	/** Name of the model that writes; undefined until it is loaded. */
	model = $state<string>();
	/** Oldest turns that no longer fit the context. */
	trimmed = $state(0);
	completion = $state.raw<Completion>();
	error = $state.raw<OpenLedgerError>();
	readonly request: GenerateRequest;
	readonly #engine: Engine;
	readonly #before: string;
	#stop = Promise.withResolvers<undefined>();

	constructor(engine: Engine, request: GenerateRequest, before = '') {
		this.#engine = engine;
		this.request = request;
		this.#before = before;
		this.text = before;
	}

	/** Never rejects: the outcome is in `completion` or `error`. */
	async run(): Promise<void> {
		try {
			// A stop must not have to wait for a download.
			const loaded = await Promise.race([this.#engine.models.ready(), this.#stop.promise]);
			if (!loaded) return;
			this.model = loaded.name;
			this.phase = 'queued';
			this.completion = await this.#engine.call((api) =>
				api.generate(
					this.request,
					proxy((event: GenerateEvent) => this.#on(event))
				)
			);
			this.text = this.#before + this.completion.text;
			this.#engine.proven();
		} catch (thrown) {
			const error = asError(thrown);
			if (error.code !== 'aborted') this.error = error;
		} finally {
			this.phase = 'done';
		}
	}

	async stop(): Promise<void> {
		this.#stop.resolve(undefined);
		// When the worker is gone there is nothing left to stop.
		await this.#engine.call((api) => api.cancel(this.request.id)).catch(() => undefined);
	}

	/** Ends it before it began. */
	refuse(error: OpenLedgerError): void {
		this.error = error;
		this.phase = 'done';
	}

	#on(event: GenerateEvent) {
		switch (event.type) {
			case 'queued':
				this.phase = 'queued';
				this.ahead = event.ahead;
				break;
			case 'prefill':
				if (this.phase !== 'text') this.phase = 'prefill';
				this.prefill = event;
				break;
			case 'text':
				this.phase = 'text';
				this.text += event.delta;
				break;
			case 'trimmed':
				this.trimmed = event.turns;
		}
	}
}
