import type { TestProject } from 'vitest/node';
import { serve } from '../../.ci/serve.mjs';

declare module 'vitest' {
	interface ProvidedContext {
		/** The app from a host that sends no headers: on one wasm thread, so that tests side by side do not wait for each other's. */
		appUrl: string;
		/** The same, isolated: with wasm threads. */
		isolatedUrl: string;
	}
}

/** Serves `build/` for the end-to-end tests; `npm test` has built it. */
export default async function setup(project: TestProject) {
	const [plain, isolated] = await Promise.all([serve({ isolated: false }), serve()]);
	project.provide('appUrl', plain.url);
	project.provide('isolatedUrl', isolated.url);
	return () => Promise.all([plain.close(), isolated.close()]);
}
