import { OpenLedgerError } from '#workers/errors.ts';
import type { FileStore } from '#workers/models/store/file-store.ts';
import { fullError } from '#workers/models/store/folder.ts';
import type { Item, ItemLabel, WantedFile } from '#workers/models/store/item.ts';
import type { ItemWriter } from '#workers/models/store/item-writer.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import { ProgressMeter } from './progress.ts';
import { receive } from './receive.ts';
import type { Remote } from './request.ts';
import { patient, type RetryPolicy } from './retry.ts';

/** An item and where its files come from. */
export interface DownloadPlan {
	label: ItemLabel;
	files: (WantedFile & { remote: Remote })[];
}

export interface DownloadOptions {
	signal?: AbortSignal;
	onProgress?: (progress: LoadProgress) => void;
	policy?: RetryPolicy;
}

/**
 * Brings a plan's files into the store, going on from what is there. One tab downloads; others that want the same item
 * wait and are told its progress, and take over when it stops.
 * @throws OpenLedgerError `hub/*`, `storage/full`, `aborted`; what has arrived is kept
 */
export async function downloadItem(
	store: FileStore,
	{ label, files }: DownloadPlan,
	{ signal, onProgress = () => undefined, policy = patient }: DownloadOptions = {}
): Promise<Item> {
	const channel = new BroadcastChannel(`${store.folder.name}/download/${label.id}`);
	try {
		channel.onmessage = ({ data }) => onProgress(data as LoadProgress);
		onProgress({ phase: 'waiting' });
		// Without the remotes: an access token must not be written down.
		const wanted = files.map(({ path, size, sha256, gitSha1 }) => ({ path, size, sha256, gitSha1 }));
		const writer = await store.begin(label, wanted, { signal });
		channel.onmessage = null;
		if (!writer) return await store.known(label.id);
		const meter = new ProgressMeter((progress) => {
			onProgress(progress);
			channel.postMessage(progress);
		});
		try {
			return await fill(store, writer, files, { signal, policy, meter });
		} finally {
			await writer.close();
		}
	} finally {
		channel.close();
	}
}

interface FillOptions {
	signal?: AbortSignal;
	policy: RetryPolicy;
	meter: ProgressMeter;
}

async function fill(
	store: FileStore,
	writer: ItemWriter,
	files: DownloadPlan['files'],
	options: FillOptions
) {
	const bytesTotal = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
	const needed = async () => {
		const { pending } = await store.report();
		return bytesTotal - (pending.find(({ id }) => id === writer.id)?.bytesDone ?? 0);
	};
	await store.requireRoom(await needed());
	for (const file of files) {
		if (!writer.missing.some(({ path }) => path === file.path)) continue;
		try {
			await fetchFile(writer, file, bytesTotal, options);
		} catch (error) {
			throw await explained(error, store, await needed());
		}
	}
	return writer.commit();
}

async function fetchFile(
	writer: ItemWriter,
	file: DownloadPlan['files'][number],
	bytesTotal: number,
	{ signal, policy, meter }: FillOptions
): Promise<void> {
	const before = writer.bytesDone;
	const blob = await writer.open(file, signal);
	if (!blob) return;
	const state = (phase: LoadProgress['phase']) => ({
		phase,
		bytesDone: before + blob.offset,
		bytesTotal,
		file: file.path
	});
	for (let attempt = 1; ; attempt++) {
		try {
			await receive(blob, file.remote, {
				size: file.size,
				policy,
				signal,
				onBytes: (received) => meter.update(state('download'), { received }),
				onWait: (pause) =>
					meter.update({ ...state('download'), retryInSeconds: pause / 1000 }, { urgent: true })
			});
			meter.update(state('verify'), { urgent: true });
			return await writer.keep(file, blob);
		} catch (error) {
			// Once may be an accident on the way: everything is fetched again.
			if (!(error instanceof OpenLedgerError) || error.code !== 'hub/wrong-bytes' || attempt === 2)
				throw error;
		}
	}
}

/** A full disk says how much there was still to store. */
async function explained(error: unknown, store: FileStore, neededBytes: number): Promise<unknown> {
	if (!(error instanceof OpenLedgerError) || error.code !== 'storage/full') return error;
	return store.requireRoom(neededBytes, error).then(
		() => fullError({ neededBytes }, error),
		(known) => known
	);
}
