/// <reference types="vite/client" />
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { OpfsFolder } from '#workers/models/store/opfs-folder.ts';
import { Ort } from './ort.ts';
import { pourScenarios } from './pour.scenarios.ts';

/** For tests: sync access handles exist only in dedicated workers. Runs the scenario named by the message. */
self.onmessage = async ({ data }: MessageEvent<string>) => {
	const name = `test-${crypto.randomUUID()}`;
	try {
		const ort = await Ort.start({ build: 'wasm', threads: 1, urls: { mjs, wasm } });
		await pourScenarios[data]?.(await OpfsFolder.open(name), ort);
		self.postMessage('passed');
	} catch (error) {
		self.postMessage(error instanceof Error ? (error.stack ?? error.message) : String(error));
	} finally {
		const root = await navigator.storage.getDirectory();
		await root.removeEntry(name, { recursive: true }).catch(() => undefined);
	}
};
