/**
 * Lines of JSON, each behind its CRC-32: appending is crash-safe, because a torn or damaged line is seen and left out.
 * Format of a line: eight hex digits, a space, JSON without line breaks, `\n`.
 */
export function encodeRecords(records: readonly unknown[]): Uint8Array {
	const lines = records.map((record) => {
		const json = JSON.stringify(record);
		return `${hex(crc32(new TextEncoder().encode(json)))} ${json}\n`;
	});
	return new TextEncoder().encode(lines.join(''));
}

interface DecodedRecords {
	records: unknown[];
	/** Lines that are whole but wrong: not a crash in mid-write but damage. */
	damaged: number;
	/** Length up to the last line break; what follows was torn by a crash. */
	end: number;
}

export function decodeRecords(bytes: Uint8Array): DecodedRecords {
	const decoded: DecodedRecords = { records: [], damaged: 0, end: 0 };
	for (;;) {
		const lineEnd = bytes.indexOf(0x0a, decoded.end);
		if (lineEnd < 0) return decoded;
		const record = decodeLine(bytes.subarray(decoded.end, lineEnd));
		if (record === undefined) decoded.damaged++;
		else decoded.records.push(record);
		decoded.end = lineEnd + 1;
	}
}

function decodeLine(line: Uint8Array): unknown {
	const json = line.subarray(9);
	const text = new TextDecoder().decode(line.subarray(0, 9));
	if (text !== `${hex(crc32(json))} `) return undefined;
	try {
		return JSON.parse(new TextDecoder().decode(json));
	} catch {
		return undefined;
	}
}

function hex(value: number): string {
	return value.toString(16).padStart(8, '0');
}

/** CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320). */
export function crc32(bytes: Uint8Array): number {
	let crc = -1;
	for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
	return ~crc >>> 0;
}

const crcTable = Int32Array.from({ length: 256 }, (_, value) => {
	for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
	return value;
});
