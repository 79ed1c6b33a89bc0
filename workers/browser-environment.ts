/// <reference types="vite/client" />
import asyncifyMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { EngineEnvironment } from './engine/environment.ts';
import { MemoryFolder } from './models/store/memory-folder.ts';
import { OpfsFolder } from './models/store/opfs-folder.ts';

/** Where every worker that runs a model stands, in the built app as in development. */
export const browserEnvironment: EngineEnvironment = {
	// Without storage (private windows) what is stored lives as long as the page.
	folder: OpfsFolder.open().catch(() => new MemoryFolder()),
	// A build puts workers in `_app/immutable/workers/`.
	appUrl: new URL(import.meta.env.DEV ? '/' : '../../../', self.location.href).href,
	ortUrls: {
		wasm: { mjs: wasmMjs, wasm: wasmWasm },
		jspi: { mjs: jspiMjs, wasm: jspiWasm },
		asyncify: { mjs: asyncifyMjs, wasm: asyncifyWasm }
	}
};
