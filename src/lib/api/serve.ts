import { proxy } from '#workers/comlink.ts';
import { answer, type ApiEngine, type ApiRequest } from '#workers/openai/answer.ts';
import { apiLock, callForTab, hangUp, here, type ApiReply } from '#workers/openai/messages.ts';
import type { Engine } from '../engine/engine.svelte.ts';

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
	// An update of the app waits for replies, whoever asked for them.
	await navigator.locks.request(`openledger-reply-api-${crypto.randomUUID()}`, async () => {
		const { status, type, body } = await answer(api, request, caller);
		send({ head: { status, type } });
		for await (const piece of body) send({ piece });
		send({ end: true });
	});
	port.close();
}

function apiEngine(engine: Engine): ApiEngine {
	return {
		loaded: () => engine.models.ready(),
		adapters: () => engine.call((api) => api.adapters()),
		generate: (request, onEvent) => engine.call((api) => api.generate(request, proxy(onEvent))),
		cancel: (id) => engine.call((api) => api.cancel(id))
	};
}
