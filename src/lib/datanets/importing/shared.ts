import type { Arrival } from './waiting.ts';

/**
 * What another app shares with this one (the share target in static/manifest.webmanifest) comes as a form that no static
 * host could take. The service worker keeps its parts in a cache, one entry a part, until the page asks for them.
 */
const CACHE = 'shared';
/** Of a file. */
const NAME = 'X-Name';
/** Of a text. */
const FIELD = 'X-Field';

/** Keeps a form for the page. For the service worker. */
export async function keepShared(form: FormData): Promise<void> {
	const cache = await caches.open(CACHE);
	const time = Date.now();
	let part = 0;
	for (const [field, value] of form) {
		const response = new Response(value);
		if (typeof value === 'string') response.headers.set(FIELD, field);
		else response.headers.set(NAME, encodeURIComponent(value.name));
		await cache.put(`/shared/${time}/${part++}`, response);
	}
}

/** What was shared last; undefined where nothing is. It waits there until it is forgotten: used, or thrown away. */
export async function readShared(): Promise<Arrival | undefined> {
	if (!(await caches.has(CACHE))) return undefined;
	const cache = await caches.open(CACHE);
	const shares = Map.groupBy(await cache.keys(), ({ url }) => timeOf(url));
	for (const [, parts] of [...shares].sort(([a], [b]) => b - a)) {
		const files: File[] = [];
		const fields = new Map<string, string>();
		for (const request of parts) {
			const response = await cache.match(request);
			const name = response?.headers.get(NAME);
			const field = response?.headers.get(FIELD);
			if (response && typeof name === 'string')
				files.push(new File([await response.blob()], decodeURIComponent(name)));
			else if (response && field) fields.set(field, await response.text());
		}
		const forget = async () => {
			for (const request of parts) await cache.delete(request);
		};
		const arrival = sharedWith(files, fields);
		if (arrival) return { ...arrival, forget };
		await forget();
	}
	return undefined;
}

const timeOf = (url: string) => Number(/\/shared\/(\d+)\//.exec(url)?.[1] ?? 0);

/** Files as they are; text alone becomes a document of its title and text, from its address. */
export function sharedWith(files: File[], fields: ReadonlyMap<string, string>): Arrival | undefined {
	const [title, text, url] = ['title', 'text', 'url'].map((name) => fields.get(name)?.trim() ?? '');
	// Many apps put the address into the text.
	const source = url || (/https?:\/\/\S+/.exec(text ?? '')?.[0] ?? '');
	if (files.length > 0) return { files, source };
	if (!title && !text && !url) return undefined;
	const body = text && text !== source ? text : source;
	const heading = title && body ? `# ${title}\n\n` : '';
	return { files: [new File([`${heading}${body || title}\n`], 'shared.md')], source };
}
