/**
 * Lets waiting events in (a cancel message, above all): wasm runs block the worker, and awaiting them does not reach the
 * event loop. `setTimeout` would cost 4 ms a token, a message to oneself some 20 µs.
 */
export const yieldToEvents: () => Promise<void> =
	typeof setImmediate === 'function'
		? () => new Promise((resolve) => setImmediate(resolve))
		: () =>
				new Promise((resolve) => {
					const { port1, port2 } = new MessageChannel();
					port1.onmessage = () => {
						port1.close();
						resolve();
					};
					port2.postMessage(undefined);
				});
