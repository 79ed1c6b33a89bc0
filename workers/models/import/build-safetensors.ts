import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { yieldToEvents } from '#workers/generate/yield.ts';
import { decoderSteps } from '#workers/models/builder/decoder.ts';
import { inFile } from '#workers/models/builder/store.ts';
import type { DownloadOptions } from '#workers/models/download/download-item.ts';
import { partLock } from '#workers/models/store/blobs.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { sha256Of } from '#workers/models/store/hash.ts';
import type { ItemWriter } from '#workers/models/store/item-writer.ts';
import { abortedError, takeLock } from '#workers/models/store/lock.ts';
import { snapshotFile } from '#workers/models/store/opfs-folder.ts';
import type { Segment } from '#workers/onnx/types.ts';
import { readSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { FolderFile } from './import-folder.ts';

/** Name by which the graph finds its external data, beside it. */
const dataName = 'model_q4.onnx_data';
const graphPath = 'onnx/model_q4.onnx';
const dataPath = `onnx/${dataName}`;

/** What a build adds to the item. */
export const BUILT_PATHS = [graphPath, dataPath];

/**
 * Builds the checkpoint among `files` into a 4-bit ONNX graph and its external data. Weights are made one after
 * another into a scratch file, so that neither the old nor the new ones are in memory together; between them events (a
 * cancel) are let in. Returns the SHA-256 of the weight files. Needs a dedicated worker. Throws `config/*`, `safetensors/malformed`, `storage/full`, `aborted`.
 */
export async function buildSafetensors(
	folder: Folder,
	writer: ItemWriter,
	files: readonly FolderFile[],
	{ signal, onProgress = () => undefined }: DownloadOptions
): Promise<string[]> {
	const checkpoint = openCheckpoint((name) => {
		const file = files.find(({ path }) => path === name)?.file;
		return file && snapshotFile(file);
	});
	const key = `build-${crypto.randomUUID()}`;
	const release = await takeLock(partLock(folder, key));
	const scratch = await folder.openToWrite(`parts/${key}`);
	const weights = files.filter(({ path }) => path.endsWith('.safetensors'));
	const bytesTotal = weights.reduce((sum, { file }) => sum + file.size, 0);
	try {
		const hear = async () => {
			await yieldToEvents();
			if (signal?.aborted) throw abortedError(signal);
		};
		const hashes: string[] = [];
		for (const file of checkpoint.files) hashes.push(await sha256Of(file, hear));
		const steps = decoderSteps(checkpoint.config, checkpoint.weights, {
			dtype: 'q4',
			store: inFile(key, (bytes) => scratch.write(scratch.size, bytes))
		});
		let step = steps.next();
		for (; !step.done; step = steps.next()) {
			onProgress({ phase: 'prepare', bytesDone: Math.round(step.value * bytesTotal), bytesTotal });
			await hear();
		}
		const model = step.value;
		const written = writeModel(model, dataName);
		const sources = new Map([[key, scratch]]);
		await save(writer, graphPath, [written.graph], sources, signal);
		await save(writer, dataPath, written.weights, sources, signal);
		return hashes;
	} finally {
		scratch.close();
		await folder.remove(`parts/${key}`);
		await release();
	}
}

async function save(
	writer: ItemWriter,
	path: string,
	segments: readonly Segment[],
	sources: Parameters<typeof readSegments>[1],
	signal?: AbortSignal
): Promise<void> {
	const blob = await writer.open({ path }, signal);
	blob?.restart();
	for (const bytes of blob ? readSegments(segments, sources) : []) {
		if (signal?.aborted) throw abortedError(signal);
		blob?.write(bytes);
	}
	if (blob) await writer.keep({ path }, blob);
}
