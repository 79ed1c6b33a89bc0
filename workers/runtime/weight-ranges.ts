import type { Segment } from '#workers/onnx/types.ts';

/** A run of bytes of a file, or of an array in memory, which stands for a file of its own. */
export interface Range {
	file: string | ArrayBufferLike;
	offset: number;
	length: number;
}

/** Segments as ranges, those that follow one another in a file joined. */
export function rangesOf(segments: readonly Segment[]): Range[] {
	const ranges: Range[] = [];
	for (const segment of segments) {
		if (segment.length === 0) continue;
		const inMemory = segment instanceof Uint8Array;
		const file = inMemory ? segment.buffer : segment.location;
		const offset = inMemory ? segment.byteOffset : segment.offset;
		const last = ranges.at(-1);
		if (last?.file === file && last.offset + last.length === offset) last.length += segment.length;
		else ranges.push({ file, offset, length: segment.length });
	}
	return ranges;
}

/** Byte at which `wanted` starts within `ranges`: the same ranges, or part of a single one. */
export function offsetIn(ranges: readonly Range[], wanted: readonly Range[]): number | undefined {
	const same =
		ranges.length === wanted.length &&
		ranges.every(({ file, offset, length }, i) => {
			const other = wanted[i];
			return file === other?.file && offset === other.offset && length === other.length;
		});
	if (same) return 0;
	const [only] = wanted;
	if (wanted.length !== 1 || !only) return undefined;
	let start = 0;
	for (const { file, offset, length } of ranges) {
		if (file === only.file && offset <= only.offset && only.offset + only.length <= offset + length)
			return start + only.offset - offset;
		start += length;
	}
	return undefined;
}
