import { OpenLedgerError } from '../../errors.ts';

/**
 * Turns what IndexedDB and Dexie throw into an OpenLedgerError: a full disk, an app older than its data, a store the
 * browser refuses. Dexie wraps the cause in `inner`; the first known name on that chain decides.
 */
export function storageFailure(thrown: unknown): OpenLedgerError {
	if (thrown instanceof OpenLedgerError) return thrown;
	for (let error: unknown = thrown, depth = 0; error && depth < 5; depth++) {
		const { name, inner, message } = error as { name?: string; inner?: unknown; message?: string };
		if (error instanceof OpenLedgerError) return error;
		if (name === 'QuotaExceededError' || /quota/i.test(message ?? ''))
			return new OpenLedgerError('storage/full', 'The browser has no room left for these rows.', {
				remedy: 'Free some space (delete a model or an old Datanet), then try again. Nothing was half saved.',
				cause: thrown
			});
		if (name === 'VersionError')
			return new OpenLedgerError(
				'storage/unavailable',
				'A newer version of this app has written this data.',
				{
					remedy: 'Reload the page to get the newer version.',
					cause: thrown
				}
			);
		if (name === 'DatabaseClosedError')
			return new OpenLedgerError('storage/unavailable', 'The data was taken over by another tab.', {
				remedy: 'Reload this page.',
				cause: thrown
			});
		error = inner;
	}
	return new OpenLedgerError('storage/unavailable', 'The browser could not read or write its storage.', {
		remedy: 'Reload the page; in a private window, use a normal one.',
		cause: thrown
	});
}

/** Runs a piece of work on the store and lets only OpenLedgerErrors out. */
export async function stored<T>(work: () => PromiseLike<T>): Promise<T> {
	try {
		return await work();
	} catch (thrown) {
		throw storageFailure(thrown);
	}
}
