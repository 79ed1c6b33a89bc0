import { asRetry, connect, type Remote } from './request.ts';
import { patient, Retry, withRetries, type RetryPolicy } from './retry.ts';

interface FetchBytesOptions {
	/** Bytes at most; the error that more of them are. */
	most: number;
	tooMany: (bytes: number) => Error;
	signal?: AbortSignal;
	policy?: RetryPolicy;
	/** Told after each piece: bytes of this try so far, and of the piece. */
	onBytes?: (done: number, received: number) => void;
}

/**
 * Fetches a file that fits into memory, with retries; after a cut it begins again.
 * @throws OpenLedgerError `hub/*`, `aborted`, or what `tooMany` makes
 */
export async function fetchBytes(
	remote: Remote,
	{ most, tooMany, signal, policy = patient, onBytes }: FetchBytesOptions
): Promise<{ bytes: Uint8Array<ArrayBuffer>; headers: Headers }> {
	return withRetries(
		async () => {
			const connection = await connect(remote, { stallMs: policy.stallMs, signal });
			try {
				const { body, headers } = connection.response;
				const reader = body?.getReader();
				if (!reader) throw new Retry('the answer is empty');
				const pieces: Uint8Array<ArrayBuffer>[] = [];
				let done = 0;
				for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
					connection.alive();
					done += piece.value.length;
					if (done > most) throw tooMany(done);
					pieces.push(piece.value);
					onBytes?.(done, piece.value.length);
				}
				return { bytes: new Uint8Array(await new Blob(pieces).arrayBuffer()), headers };
			} catch (error) {
				throw asRetry(error, connection.signal);
			} finally {
				connection.close();
			}
		},
		{ signal, policy }
	);
}
