import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Pages of things that only a device knows, by what they show first; `_` stands for whichever it is.
 * @type {Record<`/${string}`, `/${string}`[]>}
 */
const FRAMES = {
	'/datanets/_': ['', '/rows', '/checks', '/import', '/review', '/versions'].map(
		/** @returns {`/${string}`} */ (part) => `/datanets/_${part}`
	),
	'/factory/_': ['/factory/_']
};

/** Addresses that are made with the other pages, and stand for all of their kind. */
export const framed = Object.values(FRAMES).flat();

const STYLE = /<style>([\s\S]*?)<\/style>/g;
const PRELOAD = /<link [^>]*rel="modulepreload"[^>]*>/g;

/**
 * Puts what these pages show first into `fallback.html`, which answers for them on any host: as templates, of which
 * `static/first.js` shows the one that fits, with the scripts of the page that is asked for. The pages themselves go.
 * @param {string} directory the built site
 * @throws when a page is missing, or has another form than SvelteKit gives it
 */
export function writeFrames(directory) {
	const target = join(directory, 'fallback.html');
	const fallback = readFileSync(target, 'utf8');
	const place = '<div id="opening">';
	if (!fallback.includes(place)) throw new Error('fallback.html has no opening screen.');
	const read = (/** @type {string} */ path) => readFileSync(join(directory, `${path}.html`), 'utf8');
	const templates = Object.entries(FRAMES).map(([frame, paths]) => {
		const page = read(frame);
		const body = /<div style="display: contents">([\s\S]*)<script>/.exec(page)?.[1];
		if (!body) throw new Error(`${frame} has no markup to show.`);
		const markup = body
			// What Svelte needs to take markup over, which it does not here; and an id is the page's own.
			.replace(/<!--[\s\S]*?-->/g, '')
			.replace(/ (?:id|aria-labelledby|aria-controls|aria-describedby)="[^"]*"/g, '')
			.trim();
		// A component's classes have its hash.
		const styles = sheets(page).filter(
			(sheet) =>
				!fallback.includes(sheet) && sheet.match(/svelte-[a-z0-9]+/g)?.some((name) => markup.includes(name))
		);
		/** @type {Map<string, string[]>} */
		const preloads = new Map();
		for (const path of paths)
			for (const [link] of read(path).matchAll(PRELOAD))
				if (!fallback.includes(link)) preloads.set(link, [...(preloads.get(link) ?? []), path]);
		const links = [...preloads].map(([link, of]) =>
			link.replace('<link', () => `<link data-of="${of.join(' ')}"`)
		);
		return `<template data-of="${paths.join(' ')}">${links.join('')}<style>${styles.join('\n')}</style>${markup}</template>`;
	});
	writeFileSync(
		target,
		fallback.replace(place, () => `${templates.join('\n')}\n${place}`)
	);
	for (const path of framed) rmSync(join(directory, `${path}.html`));
	rmSync(join(directory, 'datanets'), { recursive: true });
}

/** @param {string} page */
const sheets = (page) => [...page.matchAll(STYLE)].flatMap(([, text]) => text?.split('\n\n') ?? []);
