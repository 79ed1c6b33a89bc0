import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PRELOAD = /<link [^>]*rel="modulepreload"[^>]*>/g;
const START = /<script>(\s*\{\s*__sveltekit_[\s\S]*?)<\/script>/;
const STATIC = /\b(?:from|import)\s*["'](\.[^"']+)["']/g;
const IMPORT = /\bimport\(("[^"]+\/entry\/start\.[^"]+")\)/;
const APP = /\bimport\(("[^"]+\/entry\/app\.[^"]+")\)/;

/**
 * Lets every page be seen before its scripts are fetched: on a slow line they would share it with what is to be seen. `static/first.js`
 * says when (`afterPaint`), and then gives the preloads their addresses. They are evaluated one by one (`oneByOne`) after `kit.init`, since
 * modules of SvelteKit take from there what version this is: without it every page that fails was loaded anew, as if it were an old one's.
 * SvelteKit's script is changed for that, and its hash in the content security policy.
 * @param {string} directory the built site
 * @throws when a page has another form than SvelteKit gives it
 */
export function paintFirst(directory) {
	for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
		if (!name.endsWith('.html')) continue;
		const file = join(directory, name);
		const page = readFileSync(file, 'utf8');
		const script = START.exec(page)?.[1];
		const source = script && `'${hash(script)}'`;
		if (!script || !source || !IMPORT.test(script) || !APP.test(script) || !page.includes(source))
			throw new Error(`${name} does not start as SvelteKit's pages do.`);
		const later = script
			.replace(IMPORT, 'afterPaint().then(() => import($1))')
			.replace(APP, 'oneByOne().then(() => import($1))');
		const links = inOrder(directory, page.match(PRELOAD) ?? []);
		writeFileSync(
			file,
			page
				.replace(script, () => later)
				.replace(source, () => `'${hash(later)}'`)
				.replace(
					PRELOAD,
					() => links.shift()?.replace(' href=', ' data-href=').replace(' rel="modulepreload"', '') ?? ''
				)
		);
	}
}

/**
 * Preloads in the order in which their scripts can be evaluated one by one: each after what it imports.
 * @param {string} directory
 * @param {string[]} links
 */
function inOrder(directory, links) {
	const left = new Map(links.map((link) => [/ href="([^"]+)"/.exec(link)?.[1] ?? '', link]));
	/** @type {string[]} */
	const ordered = [];
	/** @param {string} path */
	const take = (path) => {
		const link = left.get(path);
		if (!link) return;
		left.delete(path);
		const script = readFileSync(join(directory, path), 'utf8');
		for (const [, from = ''] of script.matchAll(STATIC)) take(new URL(from, `file://${path}`).pathname);
		ordered.push(link);
	};
	for (const path of [...left.keys()]) take(path);
	return ordered;
}

/** @param {string} script */
const hash = (script) => `sha256-${createHash('sha256').update(script).digest('base64')}`;
