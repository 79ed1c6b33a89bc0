import { OpenLedgerError } from '#workers/errors.ts';

interface LockRequest {
	mode?: LockMode;
	/** Resolve with undefined instead of waiting. Excludes `signal`. */
	ifAvailable?: boolean;
	signal?: AbortSignal;
}

/** Gives a lock back; resolves when others can have it. */
export type Release = () => Promise<void>;

/**
 * Takes a lock that all tabs of the origin share. It is also given back when the worker ends, however it ends.
 * @throws OpenLedgerError `aborted`
 */
export async function takeLock(
	name: string,
	request: LockRequest & { ifAvailable: true }
): Promise<Release | undefined>;
export async function takeLock(name: string, request?: LockRequest): Promise<Release>;
export async function takeLock(name: string, request: LockRequest = {}): Promise<Release | undefined> {
	// The API takes no option that is present but undefined.
	const options = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
	return new Promise((resolve, reject) => {
		const over = navigator.locks.request(name, options, (lock) => {
			if (!lock) return resolve(undefined);
			return new Promise<void>((letGo) =>
				resolve(async () => {
					letGo();
					await over;
				})
			);
		});
		over.catch((error) => reject(request.signal?.aborted ? abortedError(request.signal) : error));
	});
}

export function abortedError(signal?: AbortSignal): OpenLedgerError {
	if (signal?.reason instanceof OpenLedgerError) return signal.reason;
	return new OpenLedgerError('aborted', 'Stopped.', {
		remedy: 'Start again to continue; what has arrived is kept.'
	});
}
