/// <reference types="vite/client" />
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import asyncifyMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import { AttributionService } from './attribution/service.ts';
import { expose } from './comlink.ts';
import { holdLifeline } from './lifeline.ts';
import { MemoryFolder } from './models/store/memory-folder.ts';
import { OpfsFolder } from './models/store/opfs-folder.ts';

holdLifeline(self.name);

/** The app's own address: a build puts this file in `_app/immutable/workers/`. */
const appUrl = new URL(import.meta.env.DEV ? '/' : '../../../', self.location.href).href;

expose(
	new AttributionService({
		folder: OpfsFolder.open().catch(() => new MemoryFolder()),
		appUrl,
		ortUrls: {
			wasm: { mjs: wasmMjs, wasm: wasmWasm },
			jspi: { mjs: jspiMjs, wasm: jspiWasm },
			asyncify: { mjs: asyncifyMjs, wasm: asyncifyWasm }
		}
	})
);
