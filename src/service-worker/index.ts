import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';
import { CacheFirst } from 'workbox-strategies';
import { keepShared } from '../lib/datanets/importing/shared.ts';
import { answerApi } from './api.ts';

/** Written into the built file by `.ci/precache.mjs`. */
declare const self: ServiceWorkerGlobalScope & {
	__PRECACHE: { url: string; revision: string | null; integrity?: string }[];
	__RUNTIMES: string[];
};

/**
 * Keeps the app usable without a network: every page, worker and bundled file is fetched once a version. The bundled
 * model's weights are not among them, since the engine keeps them in OPFS, named by their hash.
 */
precacheAndRoute(self.__PRECACHE);
cleanupOutdatedCaches();
registerRoute(
	new NavigationRoute(createHandlerBoundToURL('fallback.html'), {
		// An address of a file is meant as that file.
		denylist: [/\/[^/]+\.[^/]+$/]
	})
);

/** Programs of this origin ask the models here as they would ask OpenAI: with whatever method, so that a wrong one is told so. */
const api = new URL('v1/', self.registration.scope);
self.addEventListener('fetch', (event) => {
	const { url, mode } = event.request;
	if (mode === 'navigate' || !url.startsWith(api.href)) return;
	event.respondWith(answerApi(event, `v1/${new URL(url).pathname.slice(api.pathname.length)}`));
});

/** Files and texts that another app shares with this one; the page that opens then asks for them. */
const datanets = new URL('datanets', self.registration.scope);
registerRoute(
	({ url }) => url.href === datanets.href,
	async ({ request }) => {
		await keepShared(await request.formData());
		return Response.redirect(datanets.href, 303);
	},
	'POST'
);

/** ONNX Runtime comes in three builds of 14 to 27 MB, of which a device uses one or two. */
const runtimes = 'onnxruntime';
const isRuntime = (url: URL) =>
	self.__RUNTIMES.some((path) => new URL(path, self.location.href).href === url.href);
registerRoute(({ url }) => isRuntime(url), new CacheFirst({ cacheName: runtimes }));

self.addEventListener('install', (event) => event.waitUntil(keepRuntimes()));
self.addEventListener('activate', (event) =>
	event.waitUntil(Promise.all([self.clients.claim(), dropOldRuntimes()]))
);
self.addEventListener('message', (event) => {
	if (event.data?.type === 'SKIP_WAITING') void self.skipWaiting();
});

/** On the first visit the engine has loaded its runtime before this worker was there to see it. */
async function keepRuntimes() {
	const gpu = await navigator.gpu?.requestAdapter().catch(() => null);
	const wanted = ['simd-threaded-'];
	if (gpu) wanted.push('Suspending' in WebAssembly ? 'jspi' : 'asyncify');
	const cache = await caches.open(runtimes);
	await Promise.all(
		self.__RUNTIMES
			.filter((path) => wanted.some((part) => path.includes(part)))
			.map(async (path) => {
				// Without room for it the app still works, online.
				if (!(await cache.match(path))) await cache.add(path).catch(() => undefined);
			})
	);
}

async function dropOldRuntimes() {
	const cache = await caches.open(runtimes);
	for (const request of await cache.keys()) if (!isRuntime(new URL(request.url))) await cache.delete(request);
}
