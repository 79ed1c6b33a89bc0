import { OpenLedgerError } from '#workers/errors.ts';
import { abortedError } from '#workers/models/store/lock.ts';

export interface RetryPolicy {
	/** Failures in a row, without a byte in between, before giving up. */
	attempts: number;
	/** Milliseconds before the second try; doubles with each further one. */
	baseMs: number;
	maxMs: number;
	/** Milliseconds without a byte after which a connection counts as dead. */
	stallMs: number;
}

export const patient: RetryPolicy = { attempts: 6, baseMs: 500, maxMs: 30_000, stallMs: 30_000 };

/** A failure that another try may mend. `waitMs`: the server asked for this pause. */
export class Retry extends Error {
	readonly waitMs: number | undefined;

	constructor(message: string, { waitMs, cause }: { waitMs?: number; cause?: unknown } = {}) {
		super(message, { cause });
		this.waitMs = waitMs;
	}
}

interface RetryOptions {
	policy: RetryPolicy;
	signal?: AbortSignal;
	/** True when bytes have arrived, and are kept, since the last failure: it then counts as the first again. */
	progressed?: () => boolean;
	/** Told before each pause. */
	onWait?: (milliseconds: number) => void;
}

/**
 * Runs `work` until it succeeds. Pauses double, with jitter, or are what the server asked for.
 * @throws OpenLedgerError `aborted`, `hub/unreachable`, or what `work` throws other than Retry
 */
export async function withRetries<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
	const { policy, signal, progressed, onWait } = options;
	let failures = 0;
	for (;;) {
		if (signal?.aborted) throw abortedError(signal);
		try {
			return await work();
		} catch (error) {
			if (signal?.aborted) throw abortedError(signal);
			if (!(error instanceof Retry)) throw error;
			failures = progressed?.() ? 1 : failures + 1;
			if (failures >= policy.attempts) throw unreachable(error, !!progressed);
			const backOff = policy.baseMs * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
			const pause = Math.min(policy.maxMs, error.waitMs ?? backOff);
			// A longer pause than we will sit through: let the person decide.
			if ((error.waitMs ?? 0) > 4 * policy.maxMs) throw unreachable(error, !!progressed);
			onWait?.(pause);
			await sleep(pause, signal);
		}
	}
}

/** Milliseconds of a Retry-After header: seconds, or a date. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
	if (header === null) return undefined;
	const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
	return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

function unreachable(error: Retry, keeps: boolean): OpenLedgerError {
	return new OpenLedgerError('hub/unreachable', `The source does not answer: ${error.message}.`, {
		remedy: keeps
			? 'Check the connection and try again: what has arrived is kept.'
			: 'Check the connection, then try again.',
		cause: error.cause ?? error
	});
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const stop = () => {
			clearTimeout(timer);
			reject(abortedError(signal));
		};
		const timer = setTimeout(() => {
			signal?.removeEventListener('abort', stop);
			resolve();
		}, milliseconds);
		signal?.addEventListener('abort', stop, { once: true });
	});
}
