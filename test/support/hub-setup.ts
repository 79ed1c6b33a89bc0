import type { TestProject } from 'vitest/node';
import { HubServer } from './hub-server.ts';

declare module 'vitest' {
	interface ProvidedContext {
		hubUrl: string;
	}
}

/** A local Hub for the tests in the browser. */
export default async function setup(project: TestProject) {
	const hub = await HubServer.start();
	project.provide('hubUrl', hub.url);
	return () => hub.close();
}
