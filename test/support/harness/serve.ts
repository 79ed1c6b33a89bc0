import { build } from 'vite';
import { serve } from '../../../.ci/serve.mjs';

/** Builds the page beside this file as the app is built, and serves it with the same headers. */
export async function serveHarness(): Promise<{ url: string; close: () => Promise<void> }> {
	const directory = new URL('../../../.cache/harness', import.meta.url).pathname;
	await build({
		configFile: false,
		root: import.meta.dirname,
		logLevel: 'error',
		worker: { format: 'es' },
		build: { outDir: directory, emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 4000 }
	});
	return serve({ directory });
}
