import type { ByteSource } from '#workers/bytes.ts';
import { malformed } from './failure.ts';
import type { Segment } from './types.ts';

/** Largest piece read at once. */
const CHUNK = 1024 * 1024;

export const totalLength = (segments: readonly Segment[]): number =>
	segments.reduce((sum, segment) => sum + segment.length, 0);

/** The bytes of segments in order, in pieces of at most 1 MiB from files. Throws 'onnx/malformed' if a file lacks them. */
export function* readSegments(
	segments: Iterable<Segment>,
	sources: ReadonlyMap<string, ByteSource>
): Generator<Uint8Array> {
	for (const segment of segments) {
		if (segment instanceof Uint8Array) {
			yield segment;
			continue;
		}
		const { location, offset, length } = segment;
		const source = sources.get(location);
		if (!source || offset + length > source.size)
			throw malformed(
				source
					? `'${location}' ends before byte ${offset + length}, which the model needs.`
					: `The model's file '${location}' is missing.`,
				{ location }
			);
		for (let at = 0; at < length; at += CHUNK) yield source.read(offset + at, Math.min(CHUNK, length - at));
	}
}

/** The bytes of segments as one array. */
export function joinSegments(
	segments: readonly Segment[],
	sources: ReadonlyMap<string, ByteSource>
): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(totalLength(segments));
	let offset = 0;
	for (const chunk of readSegments(segments, sources)) {
		bytes.set(chunk, offset);
		offset += chunk.length;
	}
	return bytes;
}

/** Cuts segments into rows of equal length in bytes (the last may be shorter), as ranges and views of the same data. */
export function segmentRows(segments: readonly Segment[], rowLength: number): Segment[][] {
	const rows: Segment[][] = [];
	let row: Segment[] = [];
	let missing = rowLength;
	for (const segment of segments) {
		for (let at = 0; at < segment.length;) {
			const length = Math.min(missing, segment.length - at);
			row.push(
				segment instanceof Uint8Array
					? segment.subarray(at, at + length)
					: { location: segment.location, offset: segment.offset + at, length }
			);
			at += length;
			missing -= length;
			if (missing > 0) continue;
			rows.push(row);
			row = [];
			missing = rowLength;
		}
	}
	if (row.length > 0) rows.push(row);
	return rows;
}
