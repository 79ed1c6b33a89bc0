import { OpenLedgerError } from '#workers/errors.ts';

type Details = Record<string, string | number | boolean>;

/** The bytes are not a valid ONNX model. */
export const malformed = (message: string, details?: Details, cause?: unknown): OpenLedgerError =>
	new OpenLedgerError('onnx/malformed', message, {
		remedy:
			'Download the model again; if that does not help, the file itself is damaged or not an ONNX model.',
		details,
		cause
	});

/** A valid model that uses something this app does not handle. */
export const unsupported = (message: string, details?: Details): OpenLedgerError =>
	new OpenLedgerError('onnx/unsupported', message, {
		remedy: 'Choose another export of this model, for instance one from onnx-community, or another model.',
		details
	});
