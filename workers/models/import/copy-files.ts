import type { DownloadOptions } from '#workers/models/download/download-item.ts';
import { ProgressMeter } from '#workers/models/download/progress.ts';
import { abortedError } from '#workers/models/store/lock.ts';
import type { ItemWriter } from '#workers/models/store/item-writer.ts';
import type { FolderFile } from './import-folder.ts';

const step = 4 << 20;

/** Copies those of the files that the item still lacks. Throws `storage/full`, `aborted`. */
export async function copyFiles(
	writer: ItemWriter,
	files: readonly FolderFile[],
	{ signal, onProgress = () => undefined }: DownloadOptions
): Promise<void> {
	const meter = new ProgressMeter(onProgress);
	const bytesTotal = files.reduce(
		(sum, { path, file }) => sum + (isMissing(writer, path) ? file.size : 0),
		0
	);
	let bytesDone = 0;
	for (const wanted of writer.missing) {
		const source = files.find(({ path }) => path === wanted.path)?.file;
		if (!source) continue;
		const blob = await writer.open(wanted, signal);
		blob?.restart();
		for (let at = 0; blob && at < source.size; at += step) {
			if (signal?.aborted) throw abortedError(signal);
			const piece = new Uint8Array(await source.slice(at, at + step).arrayBuffer());
			blob.write(piece);
			bytesDone += piece.length;
			meter.update(
				{ phase: 'prepare', bytesDone, bytesTotal, file: wanted.path },
				{ received: piece.length }
			);
		}
		if (blob) await writer.keep(wanted, blob);
	}
}

function isMissing(writer: ItemWriter, path: string): boolean {
	return writer.missing.some((file) => file.path === path);
}
