import { expect, test } from 'vitest';
import { expose, proxy, wrap } from './comlink.ts';
import { OpenLedgerError } from './errors.ts';

function connect<T extends object>(service: T) {
	const { port1, port2 } = new MessageChannel();
	expose(service, port1);
	return { remote: wrap<T>(port2), close: () => port1.close() };
}

test('an OpenLedgerError keeps code, remedy and details across the worker boundary', async () => {
	const { remote, close } = connect({
		fail(): void {
			throw new OpenLedgerError('storage/full', 'The disk is full.', {
				remedy: 'Delete a model.',
				details: { missingBytes: 12 },
				cause: new Error('quota')
			});
		}
	});
	const error: unknown = await remote.fail().catch((thrown: unknown) => thrown);
	close();
	expect(error).toBeInstanceOf(OpenLedgerError);
	expect(error).toMatchObject({
		code: 'storage/full',
		message: 'The disk is full.',
		remedy: 'Delete a model.',
		details: { missingBytes: 12 },
		cause: 'Error: quota'
	});
});

test('any other thrown value arrives as Comlink carries it', async () => {
	const { remote, close } = connect({
		fail(): void {
			throw new TypeError('plain');
		}
	});
	const error: unknown = await remote.fail().catch((thrown: unknown) => thrown);
	close();
	expect(error).toMatchObject({ name: 'TypeError', message: 'plain' });
});

test('what a call tells its callback has been taken before it answers or fails', async () => {
	const { remote, close } = connect({
		count(onNumber: (n: number) => void, to: number): string {
			for (let n = 1; n <= to; n++) onNumber(n);
			if (to > 2) throw new OpenLedgerError('aborted', 'Too far.', { remedy: 'Count less.' });
			return 'counted';
		}
	});
	const order: unknown[] = [];
	const slow = proxy(async (n: number) => {
		await new Promise((resolve) => setTimeout(resolve, 10));
		order.push(n);
	});
	order.push(await remote.count(slow, 2));
	expect(order).toEqual([1, 2, 'counted']);
	await remote.count(slow, 3).catch(({ code }: OpenLedgerError) => order.push(code));
	close();
	expect(order.slice(3)).toEqual([1, 2, 3, 'aborted']);
});

test('a callback that is kept goes on being told; one that is slow holds up no other call', async () => {
	let listener: ((word: string) => void) | undefined;
	const { remote, close } = connect({
		subscribe: (kept: (word: string) => void) => void (listener = kept),
		say: (word: string) => listener?.(word)
	});
	const heard = Promise.withResolvers<string>();
	await remote.subscribe(
		proxy((word: string) => (heard.resolve(word), new Promise(() => undefined)) as never)
	);
	void remote.say('once');
	expect(await heard.promise).toBe('once');
	await remote.subscribe(proxy(() => undefined));
	close();
});
