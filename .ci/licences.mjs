import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Development packages of which code or files are in the built app all the same. */
const built = [
	/^svelte$/,
	/^@sveltejs\/kit$/,
	/^workbox-/,
	/^@fontsource\//,
	/^esm-env$/,
	/^clsx$/,
	/^devalue$/
];

/**
 * @typedef {{ name: string, version: string, licence: string, text: string }} Licence `text`: of its licence file, empty without one
 */

/**
 * The packages whose code may be in the app, by the lock file: what the app depends on, and `built`.
 * @param {string} root of the repository
 * @returns {Licence[]} by name
 */
export function licences(root) {
	const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
	/** @type {Map<string, Licence>} */
	const found = new Map();
	for (const [path, entry] of Object.entries(packages)) {
		const name = path.split('node_modules/').at(-1) ?? '';
		const folder = join(root, path);
		const isBuilt = !entry.dev || built.some((pattern) => pattern.test(name));
		if (!name || !isBuilt || entry.optional || entry.devOptional || !existsSync(folder)) continue;
		found.set(`${name} ${entry.version}`, { name, version: entry.version, ...read(folder, entry.license) });
	}
	return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param {string} folder of an installed package
 * @param {string | undefined} stated in the lock file
 */
function read(folder, stated) {
	const { license, licenses } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
	const named = stated ?? license?.type ?? license ?? licenses?.[0]?.type ?? '';
	const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(entry));
	const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
	// A few name it in the file only.
	const licence = named || (/^(The )?MIT License/i.test(text) ? 'MIT' : '');
	return { licence: String(licence), text };
}

/**
 * The list as a page of text: one line each, then every licence text once with the packages that it is of.
 * @param {Licence[]} list
 */
export function licenceFile(list) {
	const lines = list.map(({ name, version, licence }) => `${name} ${version}: ${licence}`);
	const texts = Map.groupBy(
		list.filter(({ text }) => text),
		({ text }) => text
	);
	const parts = [...texts].map(([text, of]) => `${of.map(({ name }) => name).join(', ')}\n\n${text}`);
	return ['What OpenLedger is made of', lines.join('\n'), ...parts].join(`\n\n${'-'.repeat(80)}\n\n`);
}
