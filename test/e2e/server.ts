import type { TestProject } from 'vitest/node';
import { serve } from '../../.ci/serve.mjs';

declare module 'vitest' {
	interface ProvidedContext {
		appUrl: string;
	}
}

/** Serves `build/` for the end-to-end tests; `npm test` has built it. */
export default async function setup(project: TestProject) {
	const server = await serve();
	project.provide('appUrl', server.url);
	return server.close;
}
