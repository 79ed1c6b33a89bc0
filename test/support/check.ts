import { OpenLedgerError, type ErrorCode } from '#workers/errors.ts';

/**
 * Checks for scenarios that also run inside a worker, where Vitest's `expect` is not at hand.
 * @throws Error naming what differs
 */
export function check(holds: boolean, statement: string): asserts holds {
	if (!holds) throw new Error(`does not hold: ${statement}`);
}

/** Compares plain data (numbers, strings, arrays, objects, byte arrays) by value. */
export function equal(actual: unknown, expected: unknown, what = 'value'): void {
	if (actual instanceof Uint8Array && expected instanceof Uint8Array) {
		const at = expected.findIndex((byte, i) => byte !== actual[i]);
		if (actual.length === expected.length && at < 0) return;
		throw new Error(
			`${what}: ${actual.length} bytes, expected ${expected.length}; the first that differs is ${at}`
		);
	}
	const [a, e] = [JSON.stringify(actual) ?? 'undefined', JSON.stringify(expected) ?? 'undefined'];
	if (a !== e) throw new Error(`${what}: got ${shorten(a)}, expected ${shorten(e)}`);
}

/** The OpenLedgerError with this code that `work` throws or rejects with; any other outcome fails. */
export async function fails(work: () => unknown, code: ErrorCode): Promise<OpenLedgerError> {
	try {
		await work();
	} catch (error) {
		if (error instanceof OpenLedgerError && error.code === code) return error;
		throw new Error(`failed with ${error}, expected ${code}`, { cause: error });
	}
	throw new Error(`did not fail, expected ${code}`);
}

function shorten(text: string): string {
	return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text;
}
