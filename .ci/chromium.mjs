import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Software WebGPU (SwiftShader), and no traffic of the browser's own. */
export const chromiumArguments = [
	'--no-sandbox',
	'--enable-unsafe-webgpu',
	'--enable-features=Vulkan,WebGPU',
	'--use-webgpu-adapter=swiftshader',
	'--use-vulkan=swiftshader',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
	'--no-first-run',
	'--disable-quic'
];

/**
 * The same for tests. Every tab and worker begins with a fresh onnxruntime, of which it needs little: a function is compiled when it is
 * first called, and a second time, for speed, only once it has run long (bytes run; 13 million unless told). Training is as fast as ever.
 */
export const testArguments = [
	...chromiumArguments,
	'--js-flags=--wasm-tiering-budget=200000000 --wasm-lazy-compilation --wasm-lazy-validation'
];

const candidates = [
	process.env.CHROME_PATH,
	'/usr/bin/chromium',
	'/usr/bin/chromium-browser',
	'/usr/bin/google-chrome',
	'/usr/bin/google-chrome-stable',
	'/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
	'/Applications/Chromium.app/Contents/MacOS/Chromium'
];

/** Playwright's own Chromium, where it was downloaded. */
function playwrightChromium() {
	try {
		const { chromium } = createRequire(import.meta.url)('playwright');
		return chromium.executablePath();
	} catch {
		return undefined;
	}
}

/** Path of a Chrome or Chromium on this machine, or undefined. `CHROME_PATH` wins. */
export function findChromium() {
	return [...candidates, playwrightChromium()].find((path) => path && existsSync(path));
}

/**
 * Finds a browser, else installs Debian's package (as root), else Playwright's own.
 * @throws {Error} saying what to do when none of these work.
 */
export function ensureChromium() {
	const found = findChromium();
	if (found) return found;
	const run = (/** @type {string} */ command, /** @type {string[]} */ args) =>
		execFileSync(command, args, { stdio: 'inherit' });
	if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
		try {
			run('apt-get', ['update', '-q']);
			run('apt-get', ['install', '-yq', '--no-install-recommends', 'chromium', 'fonts-liberation']);
		} catch (error) {
			console.error(`Debian's chromium could not be installed: ${error}`);
		}
	}
	if (!findChromium()) {
		try {
			run('npx', ['playwright', 'install', 'chromium']);
		} catch (error) {
			console.error(`Playwright's Chromium could not be installed: ${error}`);
		}
	}
	const installed = findChromium();
	if (!installed)
		throw new Error('The tests need Chrome or Chromium. Install one, or set CHROME_PATH to its program.');
	return installed;
}
