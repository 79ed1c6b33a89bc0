import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { licenceFile, licences } from './licences.mjs';

/** The bundled model's weights rest in OPFS, hash-named, once they have been fetched. No browser that runs the app fetches fonts of the older kind. */
const left = /^models\/.*\.onnx$|\.woff$/;
/** SvelteKit's own list (`$app/manifest`) leaves out what only workers load. */
const runtime = /\/ort-wasm-.*\.wasm$/;
const hashed = /^_app\/immutable\//;
const worker = 'service-worker.js';
/** What is worth compressing; hosts that do not do so themselves serve the `.gz` beside the file. */
const text = /^(_app\/.+\.(js|css)|.+\.html|[^/]+\.(js|svg|webmanifest))$/;

/**
 * Tells the built service worker which files there are: `__PRECACHE` ({ url, revision }, the revision null where the
 * name holds a hash; such a file is kept for good, so it comes with its SHA-256: a host that is being updated may answer with its
 * start page) and `__RUNTIMES` (ONNX Runtime's wasm, of which a device keeps what it uses). Then compresses texts, but
 * not the service worker itself, which a browser compares byte by byte.
 * @param {string} directory the built site
 */
export function writePrecache(directory) {
	writeFileSync(join(directory, 'licences.txt'), licenceFile(licences(process.cwd())));
	const files = readdirSync(directory, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) =>
			join(entry.parentPath, entry.name).slice(directory.length).replaceAll('\\', '/').replace(/^\//, '')
		)
		.filter((url) => url !== worker && !left.test(url))
		.sort();
	const precache = files
		.filter((url) => !runtime.test(url))
		.map((url) => {
			const sum = createHash('sha256').update(readFileSync(join(directory, url)));
			return hashed.test(url)
				? { url, revision: null, integrity: `sha256-${sum.digest('base64')}` }
				: { url, revision: sum.digest('hex').slice(0, 16) };
		});
	const target = join(directory, worker);
	const source = readFileSync(target, 'utf8')
		.replace('self.__PRECACHE', () => JSON.stringify(precache))
		.replaceAll('self.__RUNTIMES', () => JSON.stringify(files.filter((url) => runtime.test(url))));
	if (/self\.__[A-Z]/.test(source))
		throw new Error(`${worker} names a list that .ci/precache.mjs does not write.`);
	writeFileSync(target, source);
	for (const url of files.filter((url) => text.test(url)))
		writeFileSync(join(directory, `${url}.gz`), gzipSync(readFileSync(join(directory, url)), { level: 9 }));
}
