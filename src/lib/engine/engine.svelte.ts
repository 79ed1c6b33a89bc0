import { createContext } from 'svelte';
import type { Remote } from '#workers/comlink.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { EngineApi } from '#workers/protocol.ts';
import { preferences } from '../preferences.svelte.ts';
import { Adapters } from './adapters.svelte.ts';
import type { Connection } from './connection.ts';
import { Device } from './device.svelte.ts';
import { Models } from './models.svelte.ts';
import { Stored } from './stored.svelte.ts';

/** This many crashes within a minute, with no reply finished between them, are no accident: wait for the person. */
const crashLimit = 3;

/** The engine worker as the page sees it: calls that always settle, and a restart when it is gone. */
export class Engine {
	status = $state<'starting' | 'running' | 'restarting' | 'failed'>('starting');
	failure = $state.raw<OpenLedgerError>();
	/** How often it has been restarted in this page. */
	restarts = $state(0);
	readonly device = new Device(this);
	readonly models = new Models(this);
	readonly adapters = new Adapters(this);
	readonly stored = new Stored(this);
	readonly #connect: () => Connection;
	#connection: Connection | undefined;
	#pending = new Set<(error: OpenLedgerError) => void>();
	#crashes: number[] = [];
	#waiting: PromiseWithResolvers<void>[] = [];
	#begun = false;

	constructor(connect: () => Connection) {
		this.#connect = connect;
	}

	/**
	 * Starts the worker, reads what there is and loads the model that was used last.
	 * @param withModel false where nobody is about to ask one: it takes 130 MB and two cores for a second. Whoever
	 * needs it loads it then (`models.ready`, `models.loadWanted`).
	 */
	async start(withModel = true): Promise<void> {
		this.#begun = true;
		const connection = this.#open();
		try {
			await this.configure();
			await Promise.all([this.device.refresh(), this.models.refresh(), this.adapters.refresh()]);
			if (this.#connection !== connection) return;
			const load = withModel && this.models.loadWanted();
			this.#settle('running');
			await load;
		} catch (error) {
			// A crash has its own way out (#lost); what remains is an engine that cannot start.
			if (this.#connection !== connection || this.status === 'running') return;
			this.#settle('failed', asError(error));
		}
	}

	/** Resolves once the worker runs, which nobody need have started before; rejects when it cannot be started. */
	async running(): Promise<void> {
		if (this.status === 'running') return;
		if (this.failure) throw this.failure;
		if (!this.#begun) void this.start(false);
		const waiting = Promise.withResolvers<void>();
		this.#waiting.push(waiting);
		await waiting.promise;
	}

	/** After a failure that a person has read. */
	async retry(): Promise<void> {
		this.#crashes = [];
		this.#close(new OpenLedgerError('engine/failed', 'The engine was restarted.', { remedy: 'Try again.' }));
		this.status = 'restarting';
		this.failure = undefined;
		await this.start();
	}

	/** A reply came to its end: what crashed before it was no fault that every start meets. */
	proven(): void {
		this.#crashes = [];
	}

	/** Ends the worker for good. */
	stop(): void {
		this.#close(new OpenLedgerError('aborted', 'The engine was stopped.', { remedy: 'Reload the page.' }));
	}

	async configure(): Promise<void> {
		const hubUrl = preferences.values.hubUrl.trim().replace(/\/+$/, '');
		await this.call((api) => api.configure({ hubUrl: hubUrl || undefined }));
	}

	/**
	 * Runs `work` on the worker. Rejects with an OpenLedgerError, also when the worker dies before it answers:
	 * Comlink alone would wait for ever.
	 */
	call<Result>(work: (api: Remote<EngineApi>) => Promise<Result>): Promise<Result> {
		const connection = this.#connection;
		return new Promise((resolve, reject) => {
			if (!connection) {
				reject(stopped('the engine is not running'));
				return;
			}
			this.#pending.add(reject);
			work(connection.api)
				.then(resolve, (thrown) => {
					const error = asError(thrown);
					reject(error);
					// The worker lives, but nothing on its GPU does.
					if (error.code === 'device/lost') this.#lost(connection, error.message);
				})
				.finally(() => this.#pending.delete(reject));
		});
	}

	#open(): Connection {
		const connection = this.#connect();
		this.#connection = connection;
		void connection.gone.then((reason) => this.#lost(connection, reason));
		return connection;
	}

	#settle(status: 'running' | 'failed', failure?: OpenLedgerError) {
		this.status = status;
		this.failure = failure;
		for (const waiting of this.#waiting.splice(0)) {
			if (failure) waiting.reject(failure);
			else waiting.resolve();
		}
	}

	#close(error: OpenLedgerError) {
		this.#connection?.close();
		this.#connection = undefined;
		this.models.forget();
		for (const reject of this.#pending) reject(error);
		this.#pending.clear();
	}

	#lost(connection: Connection, reason: string) {
		if (this.#connection !== connection) return;
		const error = stopped(reason);
		this.#close(error);
		const now = Date.now();
		this.#crashes = [...this.#crashes.filter((time) => now - time < 60_000), now];
		if (this.#crashes.length > crashLimit) {
			const message = 'The engine stopped several times in a row.';
			const remedy = 'Restart it, or choose a smaller model.';
			this.#settle('failed', new OpenLedgerError('engine/failed', message, { remedy, details: { reason } }));
			return;
		}
		this.status = 'restarting';
		this.restarts++;
		void this.start();
	}
}

function stopped(reason: string): OpenLedgerError {
	return new OpenLedgerError('engine/failed', 'The engine stopped unexpectedly.', {
		remedy: 'What was written so far is kept. The engine restarts by itself; then continue or try again.',
		details: { reason }
	});
}

/** Whatever was thrown, as something a person can read. */
export function asError(thrown: unknown): OpenLedgerError {
	return OpenLedgerError.from(
		thrown,
		'engine/failed',
		'Something went wrong that was not foreseen.',
		'Try again. If it happens again, reload the page.'
	);
}

export const [getEngine, setEngine] = createContext<Engine>();
