import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { findChromium, testArguments } from './.ci/chromium.mjs';
import { writeClient } from './.ci/client.mjs';
import { framed, writeFrames } from './.ci/frames.mjs';
import { isolationHeaders } from './.ci/headers.mjs';
import { icons } from './.ci/icons.mjs';
import { paintFirst } from './.ci/paint.mjs';
import { writePrecache } from './.ci/precache.mjs';
import { words } from './.ci/words.mjs';
import { LongestFirst } from './test/support/longest-first.ts';
import { adapterId } from './workers/adapters/adapter-id.ts';
import { parseManifest } from './workers/adapters/manifest.ts';

/** A static app: every route is rendered in the browser, any path falls back to the same shell. */
const pages = adapter({ fallback: 'fallback.html' });
const site: typeof pages = {
	...pages,
	async adapt(builder) {
		await pages.adapt(builder);
		writeFrames('build');
		paintFirst('build');
		writePrecache('build');
		writeClient('build');
	}
};

/** This machine, in the clear. */
const loopback = ['http', 'ws'].flatMap(
	(scheme) => [`${scheme}://127.0.0.1:*`, `${scheme}://localhost:*`] as const
);

/**
 * What the page may load and do (docs/decisions/content-security.md). Workers, which compute, are files of the app itself.
 * The node of a chain, the Hub and a wallet's relay are what a person configures, so any secure address may be asked.
 */
const csp = {
	'default-src': ['none'],
	'script-src': ['self', 'wasm-unsafe-eval'],
	'worker-src': ['self'],
	'style-src': ['self', 'unsafe-inline'],
	'img-src': ['self', 'data:', 'blob:'],
	'font-src': ['self'],
	'manifest-src': ['self'],
	'connect-src': ['self', 'https:', 'wss:', ...loopback],
	'base-uri': ['none'],
	'form-action': ['self'],
	'require-trusted-types-for': ['script'],
	'trusted-types': ['svelte-trusted-html', 'default']
} satisfies NonNullable<NonNullable<Parameters<typeof sveltekit>[0]>['csp']>['directives'];

/** Found too late by vite, in a worker: it would reload the page for them. */
const ethereum = ['block', 'common', 'tx', 'util', 'vm'].map((part) => `@ethereumjs/${part}`);

/** What the first screen says of the adapters that ship with the app before the engine has read them: id, name and questions. */
const shipped = await Promise.all(
	readdirSync('static/adapters', { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map(async ({ name: folder }) => {
			const { name, examples, files } = parseManifest(
				readFileSync(join('static/adapters', folder, 'openledger.json'))
			);
			return { id: await adapterId(files), name, examples };
		})
);

const svelte = /node_modules.(svelte|@sveltejs.kit|devalue|esm-env)[/\\]/;

let firstPage: Set<string> | undefined;

/**
 * What the first page imports and others do too comes in four files: many small ones compress worse, and each is a request; one alone is
 * evaluated in one task (docs/decisions/first-paint.md).
 */
function ofFirstPage(
	id: string,
	modules: { getModuleInfo(id: string): { importedIds: readonly string[] } | null }
): string | null {
	if (!firstPage) {
		firstPage = new Set(
			['src/routes/+layout.svelte', 'src/routes/+page.svelte'].map((path) => join(import.meta.dirname, path))
		);
		// A set goes on to what is added while it is walked.
		for (const module of firstPage)
			for (const imported of modules.getModuleInfo(module)?.importedIds ?? []) firstPage.add(imported);
	}
	if (!firstPage.has(id)) return null;
	if (/node_modules.dexie./.test(id)) return 'dexie';
	return id.includes('node_modules') ? 'packages' : 'shared';
}

/** Node tests stand beside the file they test; `*.browser.test.ts` runs in Chromium; `test/e2e` drives the built app. */
export default defineConfig({
	plugins: [
		// Tests of modules read the English that stands in them.
		...(process.env.VITEST ? [] : [words()]),
		icons(),
		sveltekit({
			adapter: site,
			csp: { mode: 'hash', directives: csp },
			prerender: { entries: ['*', ...framed] },
			// One page may stand for another's address, on a host that knows no better.
			paths: { relative: false },
			// In the page: as files they are a dozen requests before anything is seen.
			inlineStyleThreshold: 100_000,
			// The app registers it itself, to offer an update instead of taking it.
			serviceWorker: { register: false }
		})
	],
	// Written for today's browsers, and so 1.5 kB smaller on the first page than what the package names first.
	resolve: { alias: [{ find: /^dexie$/, replacement: 'dexie/dist/modern/dexie.mjs' }] },
	define: { SHIPPED_ADAPTERS: JSON.stringify(shipped) },
	server: { headers: isolationHeaders },
	worker: { format: 'es' },
	build: { target: 'es2023', chunkSizeWarningLimit: 2000 },
	environments: {
		client: {
			build: {
				rolldownOptions: {
					output: {
						codeSplitting: {
							groups: [
								{ name: ofFirstPage, minShareCount: 4, priority: 1 },
								// What begins the app, alone: it says what version this is before SvelteKit's other modules, which ask for that, are evaluated.
								// With it what fetches the words of another language: what stands beside that is evaluated before they are there.
								{ name: 'start', test: /client.payload\.js|preload-helper|src.lib.i18n/, priority: 3 },
								// SvelteKit's own, which are evaluated before the words too: they were taken along into the file that pages share.
								{ name: 'svelte', test: svelte, minShareCount: 4, priority: 2 },
								// Parts of pages that several share go by which of them do, in files that are worth a request. Of these alone:
								// of more, pages came to fetch each other's code (docs/decisions/first-paint.md).
								{
									name: 'parts',
									test: /lucide|src.lib.(ui|shell|i18n|styles)/,
									minShareCount: 2,
									entriesAware: true,
									entriesAwareMergeThreshold: 5000
								}
							]
						}
					}
				}
			}
		}
	},
	optimizeDeps: { exclude: ['onnxruntime-web'], include: ['hash-wasm', ...ethereum] },
	test: {
		expect: { requireAssertions: true },
		// Two leave a sixth of two cores idle: tests wait for pages, servers and shaders. A group begins when the one before is through.
		maxWorkers: 3,
		sequence: { sequencer: LongestFirst },
		projects: [
			{
				extends: true,
				test: {
					name: 'unit',
					environment: 'node',
					include: ['{src,workers,test,bench}/**/*.test.ts'],
					exclude: ['**/*.browser.test.ts', 'test/e2e/**'],
					// What files import is read once by each worker, and no process begins for every file.
					isolate: false,
					testTimeout: 60_000,
					sequence: { groupOrder: 0 }
				}
			},
			{
				extends: true,
				test: {
					name: 'browser',
					include: ['{src,workers,test}/**/*.browser.test.ts'],
					globalSetup: ['test/support/hub-setup.ts', 'test/support/chain-setup.ts'],
					testTimeout: 120_000,
					sequence: { groupOrder: 1 },
					browser: {
						enabled: true,
						headless: true,
						screenshotFailures: false,
						provider: playwright({
							launchOptions: { executablePath: findChromium(), args: testArguments }
						}),
						instances: [{ browser: 'chromium' }]
					}
				}
			},
			{
				extends: true,
				test: {
					name: 'e2e',
					environment: 'node',
					include: ['test/e2e/**/*.test.ts'],
					globalSetup: ['test/e2e/server.ts'],
					// One browser for all files of a worker, and what they import read once.
					isolate: false,
					testTimeout: 120_000,
					hookTimeout: 120_000,
					// On a machine that others use too. One that passes at the second attempt is shown (retry x1): a race, to be mended.
					retry: 1,
					sequence: { groupOrder: 2 }
				}
			}
		]
	}
});
