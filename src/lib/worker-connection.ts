import { wrap, type Remote } from '#workers/comlink.ts';
import { OpenLedgerError, type ErrorCode } from '#workers/errors.ts';
import { lifelineCut } from '#workers/lifeline.ts';

/** A running worker. `gone` resolves with the reason when it has crashed or let an error through, which ends it; never after `close()`. */
export interface Connection<Api> {
	api: Remote<Api>;
	gone: Promise<string>;
	/**
	 * What a call gives; rejects with `failure(reason)` when the worker is gone before. A race against `gone` would keep
	 * every answer for as long as the worker lives.
	 */
	settle<T>(call: Promise<T>, failure: (reason: string) => Error): Promise<T>;
	close(): void;
}

/**
 * Starts a worker and watches over it.
 * @param kind names its lock, which shows that it lives (workers/lifeline.ts)
 */
export function connect<Api>(kind: string, start: (options: { name: string }) => Worker): Connection<Api> {
	const name = `openledger-${kind}-${Date.now()}-${Math.random().toString(36).slice(2)}`;
	const worker = start({ name });
	const closed = new AbortController();
	const gone = new Promise<string>((resolve) => {
		void lifelineCut(worker, name, closed.signal).then(() => resolve('the worker ended'));
		worker.addEventListener('error', (event) => resolve(event.message || 'the worker failed to start'), {
			signal: closed.signal
		});
	});
	function close() {
		// Words, no error: the stack of an error keeps this object, and so the proxy, for as long as the signal is there.
		closed.abort('closed');
		worker.terminate();
	}
	const open = new Set<(reason: string) => void>();
	let lost: string | undefined;
	void gone.then((reason) => {
		lost = reason;
		for (const fail of open) fail(reason);
		// An error that nobody caught does not end a worker: beside the one that takes its place it would stay, with all it holds.
		close();
	});
	return {
		api: wrap<Api>(untilClosed(worker, closed.signal)),
		gone,
		settle: (call, failure) =>
			new Promise((resolve, reject) => {
				const fail = (reason: string) => reject(failure(reason));
				if (lost !== undefined) fail(lost);
				open.add(fail);
				void call.then(resolve, reject).finally(() => open.delete(fail));
			}),
		close
	};
}

/**
 * The worker as Comlink needs it. Comlink's registry of proxies keeps a worker for as long as a proxy of it lives, and calls that a worker left
 * unanswered keep their proxies: without its listeners nothing leads from one to the other.
 */
function untilClosed(worker: Worker, signal: AbortSignal) {
	return {
		postMessage: worker.postMessage.bind(worker) as Worker['postMessage'],
		addEventListener: (type: string, listener: EventListenerOrEventListenerObject) =>
			worker.addEventListener(type, listener, { signal }),
		removeEventListener: worker.removeEventListener.bind(worker)
	};
}

/** A worker for the asking. */
export interface Standby<Api> {
	api: Remote<Api>;
	/** Settles as the call does, also when the worker dies in the middle. */
	settle<T>(call: Promise<T>): Promise<T>;
}

/**
 * A worker whose state rests in a database: started when it is first asked for, and again after it died.
 * @param message what a call that was under way says then
 * @param begin what is said to it first
 */
export function standby<Api>(
	kind: string,
	start: (options: { name: string }) => Worker,
	{ code = 'engine/failed', message, remedy }: { code?: ErrorCode; message: string; remedy: string },
	begin?: (api: Remote<Api>) => void
): () => Standby<Api> {
	let current: Standby<Api> | undefined;
	return () => {
		if (current) return current;
		const { api, gone, settle } = connect<Api>(kind, start);
		const failure = (cause: string) => new OpenLedgerError(code, message, { remedy, cause });
		void gone.then(() => (current = undefined));
		begin?.(api);
		return (current = { api, settle: (call) => settle(call, failure) });
	};
}
