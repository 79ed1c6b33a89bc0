import { proxy } from '#workers/comlink.ts';
import { answer, type ApiEngine, type ApiRequest } from '#workers/openai/answer.ts';
import { apiLock, callForTab, hangUp, here, type ApiReply } from '#workers/openai/messages.ts';
import { Account } from '../attribution/account.ts';
import { measuredRecord } from '../attribution/db.ts';
import { measurer } from '../attribution/measurer.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { describe } from './describe.ts';

/**
 * Answers what the service worker is asked under `/v1/`, with this tab's engine. Of several tabs the one that holds
 * `apiLock` does.
 */
export function serveApi(engine: Engine): void {
	if (!('serviceWorker' in navigator) || !navigator.locks) return;
	const api = apiEngine(engine);
	void navigator.locks.request(apiLock, () => {
		navigator.serviceWorker.addEventListener('message', ({ data, ports: [port] }: MessageEvent) => {
			if (port && data === callForTab) take(api, port);
		});
		navigator.serviceWorker.startMessages();
		return new Promise<never>(() => undefined);
	});
}

function take(api: ApiEngine, port: MessagePort) {
	const caller = new AbortController();
	port.onmessage = ({ data }: MessageEvent<ApiRequest | typeof hangUp>) => {
		if (data === hangUp) caller.abort();
		else void reply(api, data, port, caller.signal);
	};
	port.postMessage(here);
}

async function reply(api: ApiEngine, request: ApiRequest, port: MessagePort, caller: AbortSignal) {
	const send = (message: ApiReply) => port.postMessage(message);
	let begun = false;
	// The head goes ahead of a whole answer: before it the browser tells nobody that the caller has gone. What fails after it has OpenAI's
	// shape, but no status any more.
	const begin = () => {
		if (!begun) send({ head: { status: 200, type: 'application/json' } });
		begun = true;
	};
	// An update of the app waits for replies, whoever asked for them.
	await navigator.locks.request(`openledger-reply-api-${crypto.randomUUID()}`, async () => {
		const { status, type, body } = await answer(api, request, caller, begin);
		if (!begun) send({ head: { status, type } });
		for await (const piece of body) send({ piece });
		send({ end: true });
	});
	port.close();
}

/**
 * @param mayOwe whether what is asked may cost the person something: not where a page of another address asks. Nor does such a page read
 * what rows say that are not the app's own.
 */
export function apiEngine(engine: Engine, mayOwe = true): ApiEngine {
	/** Of the replies that were admitted and have not begun. */
	const accounts = new Map<string, Account>();
	return {
		loaded: () => engine.models.ready(),
		adapters: () => engine.call((api) => api.adapters()),
		async admit(requests, signal) {
			const opened = await Promise.allSettled(
				requests.map((request) => {
					const adapters = request.adapters.map((used) => ({
						...used,
						name: engine.adapters.find(used.id)?.name ?? used.id
					}));
					return Account.open(engine, { id: request.id, conversation: '', adapters }, request, mayOwe);
				})
			);
			const refusals = opened.map((one) => (one.status === 'rejected' ? one.reason : one.value.refusal));
			const why: unknown = refusals.find(Boolean) ?? (signal.aborted ? signal.reason : undefined);
			for (const [index, one] of opened.entries()) {
				const id = requests[index]?.id;
				if (one.status === 'rejected' || id === undefined) continue;
				if (why) one.value.close();
				else accounts.set(id, one.value);
			}
			if (why) throw why;
		},
		async generate(request, onEvent) {
			const account = accounts.get(request.id);
			accounts.delete(request.id);
			// As in chat: what is being measured waits, and adapters with a price are paid.
			const release = measurer.hold();
			try {
				const completion = await engine.call((api) => api.generate(request, proxy(onEvent)));
				await account?.keep(completion);
				engine.proven();
				return completion;
			} finally {
				release();
				account?.close();
			}
		},
		cancel: (id) => engine.call((api) => api.cancel(id)),
		async attribution(id) {
			const record = await measuredRecord(id);
			const isPublic = engine.adapters.find(record?.adapter.id ?? '')?.source === 'bundled';
			return describe(record, mayOwe || isPublic);
		}
	};
}
