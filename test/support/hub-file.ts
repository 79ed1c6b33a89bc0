import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './hub-server.ts';

/** Answers one GET with the file or a range of it, spoilt as ordered. */
export async function sendFile(
	request: IncomingMessage,
	response: ServerResponse,
	file: Uint8Array,
	fault?: Fault
): Promise<void> {
	response.setHeader(
		'ETag',
		fault?.kind === 'etag' ? fault.etag : `"${createHash('sha1').update(file).digest('hex')}"`
	);
	response.setHeader('Accept-Ranges', 'bytes');
	const asked =
		fault?.kind === 'ignore-range' ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
	let start = Number(asked?.[1] ?? 0);
	const end = asked?.[2] ? Math.min(file.length, Number(asked[2]) + 1) : file.length;
	if (start >= file.length && start > 0) {
		response.setHeader('Content-Range', `bytes */${file.length}`);
		return void response.writeHead(416).end();
	}
	if (fault?.kind === 'wrong-range' && asked) start = Math.max(0, start + fault.shift);
	if (asked) {
		response.statusCode = 206;
		response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${file.length}`);
	}
	const body = spoil(file.subarray(0, end), start, fault);
	response.setHeader('Content-Length', body.length);
	await send(response, body, fault);
}

function spoil(file: Uint8Array, start: number, fault?: Fault): Uint8Array {
	// A Buffer's own slice would be a view of the repository.
	const body = Uint8Array.from(file.subarray(start));
	if (fault?.kind === 'wrong-byte' && fault.at >= start)
		body[fault.at - start] = (body[fault.at - start] ?? 0) ^ 0xff;
	if (fault?.kind === 'shorter') return body.subarray(0, Math.max(0, body.length - fault.by));
	if (fault?.kind === 'longer') return Buffer.concat([body, new Uint8Array(fault.by).fill(0x5a)]);
	return body;
}

async function send(response: ServerResponse, body: Uint8Array, fault?: Fault): Promise<void> {
	if (fault?.kind !== 'cut' && fault?.kind !== 'stall' && fault?.kind !== 'slow')
		return void response.end(body);
	if (fault.kind === 'slow') {
		const step = Math.max(1, Math.floor(fault.bytesPerSecond / 50));
		for (let at = 0; at < body.length && !response.destroyed; at += step) {
			response.write(body.subarray(at, at + step));
			await sleep(20);
		}
		return void response.end();
	}
	if (fault.after >= body.length) return void response.end(body);
	response.flushHeaders();
	const sent = body.subarray(0, fault.after);
	// Destroying at once would also lose what the kernel has not sent yet.
	await new Promise<void>((resolve) => (sent.length ? response.write(sent, () => resolve()) : resolve()));
	if (fault.kind === 'cut') {
		// And what a busy page has not read yet is lost with the connection.
		await sleep(50);
		response.destroy();
	}
}
