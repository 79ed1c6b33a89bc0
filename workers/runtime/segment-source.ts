import { readInto, type ByteSource } from '#workers/bytes.ts';
import type { FileRange, Segment } from '#workers/onnx/types.ts';

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

	const sourceOf = ({ location }: FileRange): ByteSource => {
		const source = sources.get(location);
		if (!source) throw new RangeError(`no file named '${location}'`);
		return source;
	};
	const check = (offset: number, length: number) => {
		if (offset < 0 || length < 0 || offset + length > size)
			throw new RangeError(`read of ${length} bytes at ${offset} in ${size} bytes`);
	};
	const fill = (offset: number, target: Uint8Array) => {
		for (let at = 0, index = lastAtOrBelow(starts, offset); at < target.length; index++) {
			const segment = segments[index] as Segment;
			const from = offset + at - (starts[index] as number);
			const length = Math.min(segment.length - from, target.length - at);
			const part = target.subarray(at, at + length);
			if (segment instanceof Uint8Array) part.set(segment.subarray(from, from + length));
			else readInto(sourceOf(segment), segment.offset + from, part);
			at += length;
		}
	};

	return {
		size,
		read(offset, length) {
			check(offset, length);
			const index = lastAtOrBelow(starts, offset);
			const first = segments[index];
			if (!first) return new Uint8Array(0);
			const within = offset - (starts[index] as number);
			if (within + length <= first.length) {
				if (first instanceof Uint8Array) return first.subarray(within, within + length);
				return sourceOf(first).read(first.offset + within, length);
			}
			const joined = new Uint8Array(length);
			fill(offset, joined);
			return joined;
		},
		readInto(offset, target) {
			check(offset, target.length);
			fill(offset, target);
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
