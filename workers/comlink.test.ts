import { expect, test } from 'vitest';
import { expose, wrap } from './comlink.ts';
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
