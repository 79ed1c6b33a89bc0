import type { ApiRequest } from '#workers/openai/answer.ts';
import { ApiError } from '#workers/openai/error.ts';
import { callForTab, hangUp, here, type ApiReply } from '#workers/openai/messages.ts';

declare const self: ServiceWorkerGlobalScope;

/** A tab that has just been opened, or takes over from one that was closed, gets this long; it is asked this often. */
const patience = 5000;
const askEvery = 250;
/** How often it is looked whether the tab that answers still exists: a port does not tell. */
const watchEvery = 1000;

/**
 * The OpenAI API at `/v1/…` of the app's own address: any page of this origin can use an unmodified client. Models run in
 * a tab of the app, so one has to be open; the answer streams through from there.
 */
export async function answerApi(event: FetchEvent, path: string): Promise<Response> {
	const { method, signal } = event.request;
	const request: ApiRequest = { method, path, body: await event.request.text() };
	const answering = await findTab();
	if (!answering) {
		const alone = refusal('No tab of OpenLedger is open to answer. Open the app and keep it open.');
		// A person has to act; openai's clients would try twice more.
		alone.headers.set('X-Should-Retry', 'false');
		return alone;
	}
	const { response, done } = receive(answering, signal, event.clientId);
	answering.port.postMessage(request);
	// The browser may stop an idle worker: this one waits for a tab.
	event.waitUntil(done);
	return response;
}

interface Answering {
	tab: Client;
	port: MessagePort;
}

async function findTab(): Promise<Answering | undefined> {
	const found = Promise.withResolvers<Answering>();
	const later = () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), askEvery));
	for (const until = Date.now() + patience; Date.now() < until;) {
		for (const tab of await self.clients.matchAll({ includeUncontrolled: true })) {
			const { port1: port, port2 } = new MessageChannel();
			port.onmessage = ({ data }) => data === here && found.resolve({ tab, port });
			tab.postMessage(callForTab, [port2]);
		}
		const answering = await Promise.race([found.promise, later()]);
		if (answering) return answering;
	}
	return undefined;
}

/**
 * What comes on the port, as a response that streams. Chromium lets the signal of the request rest when the caller goes; it cancels the
 * body instead, once there is a head.
 */
function receive({ tab, port }: Answering, gone: AbortSignal, caller: string) {
	const response = Promise.withResolvers<Response>();
	const done = Promise.withResolvers<void>();
	let body: ReadableStreamDefaultController<Uint8Array> | undefined;
	const encoder = new TextEncoder();
	const finish = () => {
		clearInterval(watch);
		port.close();
		done.resolve();
	};
	const stop = () => {
		port.postMessage(hangUp);
		finish();
	};
	const watch = setInterval(async () => {
		// A page that was closed while it waited for the head has cancelled nothing.
		if (caller && !(await self.clients.get(caller))) return stop();
		if (await self.clients.get(tab.id)) return;
		const lost = 'The tab that was answering was closed. Ask again.';
		response.resolve(refusal(lost));
		body?.error(new Error(lost));
		finish();
	}, watchEvery);
	gone.addEventListener('abort', stop, { once: true });
	port.onmessage = ({ data }: MessageEvent<ApiReply>) => {
		if ('head' in data) {
			const { status, type } = data.head;
			const stream = new ReadableStream<Uint8Array>({
				start(controller) {
					body = controller;
				},
				cancel: stop
			});
			const headers = { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store' };
			response.resolve(new Response(stream, { status, headers }));
		} else if ('piece' in data) body?.enqueue(encoder.encode(data.piece));
		else {
			body?.close();
			finish();
		}
	};
	return { response: response.promise, done: done.promise };
}

function refusal(message: string): Response {
	const error = new ApiError(503, message, { code: 'engine_unavailable' });
	return Response.json(error.body, { status: error.status });
}
