import { OpenLedgerError } from '#workers/errors.ts';

export function asError(thrown: unknown): OpenLedgerError {
	return OpenLedgerError.from(
		thrown,
		'engine/failed',
		'Something went wrong here.',
		'Try again; if it stays, reload the page. What was confirmed is saved.'
	);
}

export function isAborted(thrown: unknown): boolean {
	return thrown instanceof OpenLedgerError && thrown.code === 'aborted';
}
