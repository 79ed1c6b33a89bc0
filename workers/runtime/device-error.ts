import { OpenLedgerError } from '#workers/errors.ts';

/** How onnxruntime, emscripten and Dawn say that memory ran out. They have no code for it. */
const OUT_OF_MEMORY =
	/bad_alloc|out of memory|OOM|failed to allocate|allocation failed|Array buffer allocation|exceeds the max buffer size/i;
const DEVICE_LOST = /device (is|was) lost|lost device|destroyed device/i;

/** What a failed call of the runtime means to a person. An OpenLedgerError passes through. */
export function deviceError(thrown: unknown): OpenLedgerError {
	if (thrown instanceof OpenLedgerError) return thrown;
	const text = thrown instanceof Error ? thrown.message : String(thrown);
	if (OUT_OF_MEMORY.test(text) || thrown instanceof RangeError)
		return new OpenLedgerError('device/out-of-memory', 'The model needs more memory than there is.', {
			remedy: 'Close other tabs, or choose a smaller model or one with smaller weights.',
			cause: thrown
		});
	if (DEVICE_LOST.test(text) || thrown instanceof WebAssembly.RuntimeError)
		return new OpenLedgerError('device/lost', 'The device stopped in the middle of its work.', {
			remedy: 'What was written so far is kept. Continue: the model is loaded again.',
			cause: thrown
		});
	return new OpenLedgerError('engine/failed', 'The inference engine could not do this step.', {
		remedy: 'Load the model again. If it happens again, choose another model or precision.',
		details: { message: text.slice(0, 500) },
		cause: thrown
	});
}
