import { OpenLedgerError } from '../../errors.ts';

/** Unpacked bytes of one document that are accepted: far above any book, far below a tab's memory. */
const LARGEST = 100_000_000;

/**
 * Unpacks every entry of a ZIP once, counting and keeping nothing, so that an archive that swells without end is known
 * before a library unpacks it into memory. The sizes an archive declares are not believed.
 * Throws `import/malformed` for no ZIP, `datanet/too-large` for one that swells.
 */
export async function checkZip(file: Blob): Promise<void> {
	const bytes = new Uint8Array(await file.arrayBuffer());
	const view = new DataView(bytes.buffer);
	const end = findEnd(view);
	const entries = view.getUint16(end + 10, true);
	let at = view.getUint32(end + 16, true);
	let total = 0;
	for (let i = 0; i < entries; i++) {
		if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) throw malformed();
		const method = view.getUint16(at + 10, true);
		const packedSize = view.getUint32(at + 20, true);
		const local = view.getUint32(at + 42, true);
		if (local + 30 > bytes.length) throw malformed();
		const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
		total +=
			method === 0 ? packedSize : await unpackedSize(file.slice(start, start + packedSize), LARGEST - total);
		if (total > LARGEST) throw tooLarge();
		at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
	}
}

/** Where the end-of-central-directory record starts. */
function findEnd(view: DataView): number {
	for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 65_557); at--)
		if (view.getUint32(at, true) === 0x06054b50) return at;
	throw malformed();
}

async function unpackedSize(packed: Blob, most: number): Promise<number> {
	const reader = packed.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
	let size = 0;
	try {
		for (;;) {
			const { value, done } = await reader.read();
			if (done) return size;
			size += value.length;
			if (size > most) throw tooLarge();
		}
	} catch (error) {
		throw error instanceof OpenLedgerError ? error : malformed(error);
	} finally {
		await reader.cancel().catch(() => undefined);
	}
}

function malformed(cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('import/malformed', 'This document is damaged.', {
		remedy: 'Open it in a word processor, save it again and import that.',
		cause
	});
}

function tooLarge(): OpenLedgerError {
	return new OpenLedgerError('datanet/too-large', 'This document unpacks to more than 100 MB.', {
		remedy: 'Split it into smaller documents.',
		details: { limit: LARGEST }
	});
}
