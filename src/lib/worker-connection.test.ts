import { expect, test } from 'vitest';
import { connect } from './worker-connection.ts';

/** Of a worker what a page sees of it: it never answers. */
class Silent extends EventTarget {
	readonly asked: unknown[] = [];
	readonly listening = new Map<string, number>();
	readonly signals = new Set<AbortSignal>();
	isTerminated = false;
	postMessage(message: unknown) {
		this.asked.push(message);
	}
	terminate() {
		this.isTerminated = true;
	}
	override addEventListener(...[type, listener, options]: Parameters<EventTarget['addEventListener']>) {
		super.addEventListener(type, listener, options);
		const count = (by: number) => this.listening.set(type, (this.listening.get(type) ?? 0) + by);
		count(1);
		if (typeof options !== 'object' || !options.signal) return;
		options.signal.addEventListener('abort', () => count(-1));
		this.signals.add(options.signal);
	}
}

test('nothing leads from a closed worker to the calls that it left unanswered', async () => {
	const worker = new Silent();
	const connection = connect<{ ask(): string }>('test', () => worker as unknown as Worker);
	let answer = '';
	void connection
		.settle(connection.api.ask(), (reason) => new Error(reason))
		.then(
			(said) => (answer = said),
			(error: unknown) => (answer = String(error))
		);
	expect(worker.asked).toHaveLength(1);
	expect(worker.listening.get('message')).toBeGreaterThan(0);
	connection.close();
	expect(worker.isTerminated).toBe(true);
	expect([...worker.listening.values()].filter((count) => count > 0)).toEqual([]);
	// An error's stack keeps the objects whose methods are on it, and so the proxy.
	expect([...worker.signals].map(({ reason }) => typeof reason)).toEqual(['string']);
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(answer).toBe('');
});

test('a call fails with what befell its worker', async () => {
	const worker = new Silent();
	const connection = connect<{ ask(): string }>('test', () => worker as unknown as Worker);
	const call = connection.settle(connection.api.ask(), (reason) => new Error(`it said ${reason}`));
	worker.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
	await expect(call).rejects.toThrow('it said out of memory');
	expect(await connection.gone).toBe('out of memory');
	expect(worker.isTerminated, 'beside the next one it would stay, with all it holds').toBe(true);
	await expect(connection.settle(connection.api.ask(), (reason) => new Error(reason))).rejects.toThrow(
		'out of memory'
	);
});
