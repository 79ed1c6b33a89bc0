import type { ByteSource } from '#workers/bytes.ts';
import type { Segment } from '#workers/onnx/types.ts';

/** The concatenation of segments as one source; a read across several joins them, a read within one copies nothing. */
export function segmentSource(
	segments: readonly Segment[],
	sources: ReadonlyMap<string, ByteSource>
): ByteSource {
	const starts: number[] = [];
	let size = 0;
	for (const segment of segments) {
		starts.push(size);
		size += segment.length;
	}

	const readPart = (segment: Segment, offset: number, length: number): Uint8Array => {
		if (segment instanceof Uint8Array) return segment.subarray(offset, offset + length);
		const source = sources.get(segment.location);
		if (!source) throw new RangeError(`no file named '${segment.location}'`);
		return source.read(segment.offset + offset, length);
	};

	return {
		size,
		read(offset, length) {
			if (offset < 0 || length < 0 || offset + length > size)
				throw new RangeError(`read of ${length} bytes at ${offset} in ${size} bytes`);
			let index = lastAtOrBelow(starts, offset);
			const first = segments[index];
			if (!first) return new Uint8Array(0);
			const within = offset - (starts[index] as number);
			if (within + length <= first.length) return readPart(first, within, length);
			const joined = new Uint8Array(length);
			for (let at = 0; at < length; index++) {
				const segment = segments[index] as Segment;
				const from = offset + at - (starts[index] as number);
				const part = readPart(segment, from, Math.min(segment.length - from, length - at));
				joined.set(part, at);
				at += part.length;
			}
			return joined;
		}
	};
}

/** Index of the last start ≤ offset; -1 where there is none. Starts ascend. */
function lastAtOrBelow(starts: readonly number[], offset: number): number {
	let low = 0;
	let high = starts.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((starts[middle] as number) <= offset) low = middle + 1;
		else high = middle;
	}
	return low - 1;
}
