import { OpenLedgerError, type ErrorCode } from '#workers/errors.ts';

/** A refusal in OpenAI's shape (platform.openai.com/docs/guides/error-codes), so that its clients throw what they always throw. */
export class ApiError extends Error {
	readonly status: number;
	readonly type: 'invalid_request_error' | 'not_found_error' | 'server_error';
	readonly code: string | null;
	/** The field of the request that is meant. */
	readonly param: string | null;

	constructor(
		status: number,
		message: string,
		{ code = null, param = null }: { code?: string | null; param?: string | null } = {}
	) {
		super(message);
		this.status = status;
		this.type = status === 404 ? 'not_found_error' : status < 500 ? 'invalid_request_error' : 'server_error';
		this.code = code;
		this.param = param;
	}

	get body() {
		const { message, type, param, code } = this;
		return { error: { message, type, param, code } };
	}
}

export function tooManyCalls(most: number): ApiError {
	const message = `This page has ${most} calls under way. Wait until one of them has ended.`;
	return new ApiError(429, message, { code: 'rate_limit_exceeded' });
}

/** What is the caller's to mend, by the engine's codes; anything else is the server's. */
const statuses: Partial<Record<ErrorCode, number>> = {
	'prompt/too-long': 400,
	'adapter/wrong-base': 400,
	'engine/not-loaded': 503,
	'engine/failed': 503,
	'device/lost': 503,
	'ledger/deposit-needed': 402,
	'ledger/limit': 402,
	'ledger/refused': 402
};

/** What a program can do, where the remedy speaks of what a person sees. */
const remedies: Partial<Record<ErrorCode, string>> = {
	'engine/failed': 'Send the request again: the engine starts again by itself.',
	'device/lost': 'Send the request again: the engine starts again by itself.',
	'device/out-of-memory': 'Send a shorter request, or ask for fewer replies at once.',
	'prompt/too-long': 'Send a shorter prompt, or choose a model with a longer context in OpenLedger.',
	'engine/not-loaded': 'Choose a model in OpenLedger, then send the request again.',
	aborted: 'Send the request again.'
};

/** Whatever was thrown, as a refusal that says what to do. */
export function asApiError(thrown: unknown): ApiError {
	if (thrown instanceof ApiError) return thrown;
	const { code, message, remedy } = OpenLedgerError.from(
		thrown,
		'engine/failed',
		'Something went wrong that was not foreseen.',
		'Try again.'
	);
	const known = code === 'prompt/too-long' ? 'context_length_exceeded' : code;
	return new ApiError(statuses[code] ?? 500, `${message} ${remedies[code] ?? remedy}`, { code: known });
}
