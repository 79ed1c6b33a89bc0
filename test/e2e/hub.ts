import { onTestFinished } from 'vitest';
import { HubServer, readRepo, type RepoFiles } from '#test/support/hub-server.ts';

/** A Hub for one test, with these repositories. */
export async function startHub(repos: Record<string, RepoFiles>): Promise<HubServer> {
	const hub = await HubServer.start(repos);
	onTestFinished(() => hub.close());
	return hub;
}

export const GRAPH = 'onnx/model_q4.onnx';

/**
 * The bundled model as a repository of its own. What it says about itself (ModelProto.doc_string, field 6) makes it
 * another file, since the store fetches no bytes that it has.
 */
export function nanoRepo(changes: RepoFiles = {}): RepoFiles {
	const files = readRepo('static/models/nano');
	const words = new TextEncoder().encode(`of a test: ${crypto.randomUUID()}`);
	const graph = Buffer.concat([files[GRAPH] ?? new Uint8Array(), Uint8Array.of(0x32, words.length), words]);
	return { ...files, [GRAPH]: graph, ...changes };
}
