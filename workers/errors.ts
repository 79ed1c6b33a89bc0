/**
 * Every failure a person can meet, by code. A code is stable: pages choose what to offer by it, never by message text.
 * Grouped by the room that throws it.
 */
export type ErrorCode =
	// bytes from outside
	| 'onnx/malformed'
	| 'onnx/unsupported'
	| 'safetensors/malformed'
	| 'config/malformed'
	| 'config/unsupported'
	| 'tokenizer/malformed'
	| 'tokenizer/mismatch'
	// adapters
	| 'adapter/malformed'
	| 'adapter/unsupported'
	| 'adapter/wrong-base'
	| 'adapter/too-large'
	| 'adapter/bundled'
	| 'adapter/mismatch'
	| 'link/malformed'
	| 'ipfs/no-gateway'
	| 'ipfs/wrong-block'
	| 'ipfs/malformed'
	| 'ipfs/unsupported'
	// Datanets
	| 'datanet/malformed'
	| 'datanet/bad-signature'
	| 'datanet/wrong-root'
	| 'datanet/too-large'
	| 'datanet/changed'
	| 'datanet/no-rows'
	| 'datanet/not-found'
	| 'datanet/locked'
	| 'import/malformed'
	| 'import/unsupported'
	// attribution
	| 'receipt/malformed'
	| 'spans/malformed'
	| 'attribution/unsupported'
	| 'index/malformed'
	| 'index/missing'
	| 'index/no-rows'
	| 'index/wrong-adapter'
	| 'index/wrong-root'
	| 'rows/malformed'
	// training
	| 'train/no-rows'
	| 'train/bad-settings'
	| 'train/too-large'
	| 'train/unsupported'
	| 'train/diverged'
	| 'train/not-found'
	// fetching and storing
	| 'hub/not-found'
	| 'hub/unauthorised'
	| 'hub/unreachable'
	| 'hub/wrong-bytes'
	| 'hub/occupied'
	| 'storage/full'
	| 'storage/unavailable'
	| 'storage/damaged'
	// money
	| 'ledger/unreachable'
	| 'ledger/malformed'
	| 'ledger/inconsistent'
	| 'ledger/declined'
	| 'ledger/deposit-needed'
	| 'ledger/refused'
	| 'ledger/limit'
	// the sandbox chain
	| 'sandbox/malformed'
	| 'sandbox/other-genesis'
	| 'sandbox/failed'
	// wallets and networks
	| 'wallet/rejected'
	| 'wallet/locked'
	| 'wallet/disconnected'
	| 'wallet/wrong-network'
	| 'wallet/untruthful'
	| 'wallet/unsupported'
	| 'chain/insufficient-funds'
	| 'chain/nonce'
	| 'chain/underpriced'
	| 'chain/reverted'
	| 'chain/unreachable'
	| 'chain/malformed'
	| 'chain/behind'
	| 'chain/failed'
	| 'transaction/dropped'
	| 'transaction/replaced'
	| 'transaction/unknown'
	// running
	| 'device/no-webgpu'
	| 'device/lost'
	| 'device/out-of-memory'
	| 'engine/failed'
	| 'engine/not-loaded'
	| 'engine/busy'
	| 'prompt/too-long'
	| 'prompt/refused'
	| 'aborted';

interface ErrorOptions {
	/** What the person can do now, as one sentence. */
	remedy: string;
	/** Facts for the curious and for bug reports: names of nodes, tensors, files; numbers. */
	details?: Record<string, string | number | boolean>;
	cause?: unknown;
}

/** What crosses a worker boundary: structured clone drops an Error subclass's own fields. */
export interface WireError {
	code: ErrorCode;
	message: string;
	remedy: string;
	details: Record<string, string | number | boolean>;
	cause?: string;
	stack?: string;
}

/** One clear sentence (`message`), what to do next (`remedy`), and a code to act on. */
export class OpenLedgerError extends Error {
	override readonly name = 'OpenLedgerError';
	readonly code: ErrorCode;
	readonly remedy: string;
	readonly details: Record<string, string | number | boolean>;

	constructor(code: ErrorCode, message: string, options: ErrorOptions) {
		super(message, { cause: options.cause });
		this.code = code;
		this.remedy = options.remedy;
		this.details = options.details ?? {};
	}

	toWire(): WireError {
		return {
			code: this.code,
			message: this.message,
			remedy: this.remedy,
			details: this.details,
			cause: this.cause === undefined ? undefined : String(this.cause),
			stack: this.stack
		};
	}

	static fromWire(wire: WireError): OpenLedgerError {
		const error = new OpenLedgerError(wire.code, wire.message, wire);
		if (wire.stack) error.stack = wire.stack;
		return error;
	}

	/** Wraps what some library threw; an OpenLedgerError passes through unchanged. */
	static from(thrown: unknown, code: ErrorCode, message: string, remedy: string): OpenLedgerError {
		return thrown instanceof OpenLedgerError
			? thrown
			: new OpenLedgerError(code, message, { remedy, cause: thrown });
	}
}
