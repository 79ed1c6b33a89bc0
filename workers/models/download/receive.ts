import { OpenLedgerError } from '#workers/errors.ts';
import type { BlobWriter } from '#workers/models/store/blob-writer.ts';
import { asRetry, connect, type Connection, type Remote } from './request.ts';
import { Retry, withRetries, type RetryPolicy } from './retry.ts';

interface ReceiveOptions {
	/** Bytes of the whole file, where known. */
	size?: number;
	policy: RetryPolicy;
	signal?: AbortSignal;
	/** Told after each piece: bytes that came over the network just now. */
	onBytes: (count: number) => void;
	onWait?: (milliseconds: number) => void;
}

/**
 * Fills the writer from where it stands, in as many requests as it takes: after a cut it asks for the rest; when the
 * server ignores or garbles ranges, or the file has changed, it begins again. The caller verifies the result.
 * @throws OpenLedgerError `hub/*`, `storage/full`, `aborted`
 */
export async function receive(writer: BlobWriter, remote: Remote, options: ReceiveOptions): Promise<void> {
	const { size, policy, signal, onWait } = options;
	let garbled = 0;
	let reached = writer.offset;
	await withRetries(
		async () => {
			if (writer.offset === size) return;
			const range = writer.offset > 0 ? writer.offset : undefined;
			const connection = await connect(remote, { range, stallMs: policy.stallMs, signal });
			try {
				const { response } = connection;
				if (range !== undefined && isAnotherPart(response, range)) {
					// Once may be an accident; twice is a server that cannot do ranges.
					if (++garbled > 1) writer.restart();
					throw new Retry('the answer is not the part that was asked for');
				}
				align(writer, response, size);
				await readBody(connection, writer, options);
			} finally {
				connection.close();
			}
		},
		{
			policy,
			signal,
			onWait,
			progressed: () => {
				const progressed = writer.offset > reached;
				reached = Math.max(reached, writer.offset);
				return progressed;
			}
		}
	);
}

const contentRange = /^bytes (\d+)-\d+\/(\d+|\*)$/;

function isAnotherPart({ status, headers }: Response, range: number): boolean {
	// Not every server lets a page see this header; the hash decides in the end.
	const header = headers.get('Content-Range');
	return status === 206 && header !== null && Number(contentRange.exec(header)?.[1]) !== range;
}

/**
 * Brings the writer to the place where the answer begins.
 * @throws Retry when the file has changed
 */
function align(writer: BlobWriter, { status, headers }: Response, size: number | undefined): void {
	const validator = headers.get('ETag') ?? undefined;
	const changed = validator !== writer.validator && validator !== undefined && writer.validator !== undefined;
	if (status === 416 || (status === 206 && changed)) {
		writer.restart();
		throw new Retry('the file has changed');
	}
	if (status === 200 && writer.offset > 0) writer.restart();
	const total = contentRange.exec(headers.get('Content-Range') ?? '')?.[2];
	if (status === 206 && size !== undefined && total !== undefined && total !== '*' && Number(total) !== size)
		throw anotherFile(size);
	writer.validator = validator;
}

async function readBody(
	connection: Connection,
	writer: BlobWriter,
	{ size, onBytes }: ReceiveOptions
): Promise<void> {
	const { response } = connection;
	if (!response.body) throw new Retry('the answer is empty');
	const expected = size ?? announcedSize(response, writer.offset);
	const reader = response.body.getReader();
	for (;;) {
		let piece;
		try {
			piece = await reader.read();
		} catch (error) {
			throw asRetry(error, connection.signal);
		}
		if (piece.done) break;
		connection.alive();
		if (size !== undefined && writer.offset + piece.value.length > size) {
			writer.restart();
			throw anotherFile(size);
		}
		writer.write(piece.value);
		onBytes(piece.value.length);
	}
	if (expected !== undefined && writer.offset < expected) throw new Retry('the connection was cut');
}

/** Content-Length counts compressed bytes when there is an encoding. */
function announcedSize({ headers }: Response, offset: number): number | undefined {
	const length = headers.get('Content-Length');
	return length === null || headers.has('Content-Encoding') ? undefined : offset + Number(length);
}

function anotherFile(size: number): OpenLedgerError {
	return new OpenLedgerError('hub/wrong-bytes', 'The source sends another file than it announced.', {
		remedy: 'Try again; if it happens again, the source or the network changes files: use another.',
		details: { announcedBytes: size }
	});
}
