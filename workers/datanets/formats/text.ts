/** Bytes looked at to tell the encoding. */
const SAMPLE = 65_536;

/**
 * The text of a file, piece by piece: UTF-8, UTF-16 with a byte order mark, else what spreadsheets on Windows write
 * (windows-1252). A gzip file is unpacked on the way.
 */
export async function* textOf(file: Blob, onBytes?: (bytes: number) => void): AsyncGenerator<string> {
	const packed = await startsWith(file, [0x1f, 0x8b]);
	const unpack = (stream: ReadableStream<Uint8Array<ArrayBuffer>>) =>
		packed ? stream.pipeThrough(new DecompressionStream('gzip')) : stream;
	const decoder = new TextDecoder(await encodingOf(unpack(file.stream())));
	const reader = unpack(file.stream().pipeThrough(counter(onBytes))).getReader();
	try {
		for (;;) {
			const { value, done } = await reader.read();
			const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
			if (text) yield text;
			if (done) return;
		}
	} finally {
		await reader.cancel().catch(() => undefined);
	}
}

function counter(onBytes?: (bytes: number) => void) {
	return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
		transform(piece, controller) {
			onBytes?.(piece.length);
			controller.enqueue(piece);
		}
	});
}

export async function startsWith(file: Blob, bytes: number[]): Promise<boolean> {
	const start = new Uint8Array(await file.slice(0, bytes.length).arrayBuffer());
	return bytes.every((byte, i) => start[i] === byte);
}

async function encodingOf(stream: ReadableStream<Uint8Array>): Promise<string> {
	const reader = stream.getReader();
	const parts: Uint8Array[] = [];
	let length = 0;
	for (; length < SAMPLE;) {
		const { value, done } = await reader.read();
		if (done) break;
		parts.push(value);
		length += value.length;
	}
	await reader.cancel().catch(() => undefined);
	const sample = new Uint8Array(length);
	let at = 0;
	for (const part of parts) {
		sample.set(part, at);
		at += part.length;
	}
	if (sample[0] === 0xff && sample[1] === 0xfe) return 'utf-16le';
	if (sample[0] === 0xfe && sample[1] === 0xff) return 'utf-16be';
	try {
		// `stream`: the sample may end in the middle of a character.
		new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true });
		return 'utf-8';
	} catch {
		return 'windows-1252';
	}
}
