import { createRepo, downloadFile, listFiles, uploadFilesWithProgress, HubApiError } from '@huggingface/hub';
import { OpenLedgerError } from '../../errors.ts';
import { EXTENSIONS } from '../formats/open.ts';

export interface HubAccess {
	/** Of the Hub; another one for tests and mirrors. */
	hubUrl: string;
	/** The person's own token; only for writing, and for private repositories. */
	token?: string;
}

export interface HubFile {
	path: string;
	size: number;
}

/** Files of a dataset repository that can be imported. Throws `hub/*`. */
export async function listDataset(name: string, { hubUrl, token }: HubAccess): Promise<HubFile[]> {
	return asked(name, async () => {
		const files: HubFile[] = [];
		const entries = listFiles({
			repo: { type: 'dataset', name },
			recursive: true,
			hubUrl,
			...(token ? { accessToken: token } : {})
		});
		for await (const { path, size, type } of entries)
			if (type === 'file' && EXTENSIONS.some((extension) => path.toLowerCase().endsWith(`.${extension}`)))
				files.push({ path, size });
		return files;
	});
}

/** One file of a dataset repository. Throws `hub/*`. */
export async function fetchDatasetFile(
	name: string,
	path: string,
	{ hubUrl, token }: HubAccess
): Promise<File> {
	return asked(name, async () => {
		const blob = await downloadFile({
			repo: { type: 'dataset', name },
			path,
			hubUrl,
			...(token ? { accessToken: token } : {})
		});
		if (!blob) throw notFound(name);
		return new File([await blob.arrayBuffer()], path.split('/').at(-1) ?? path);
	});
}

/**
 * Commits files to a dataset repository, making it where it does not exist. Throws `hub/*`.
 *
 * @param onProgress hears of the part that is uploaded, 0 to 1
 */
export async function pushDataset(
	name: string,
	files: { path: string; content: Blob }[],
	title: string,
	options: HubAccess & { token: string; private: boolean },
	onProgress: (part: number) => void,
	signal: AbortSignal
): Promise<void> {
	const { hubUrl, token: accessToken } = options;
	const repo = { type: 'dataset' as const, name };
	await asked(name, async () => {
		await createRepo({ repo, accessToken, hubUrl, private: options.private }).catch((error: unknown) => {
			// 409: it is there already, which is just as well.
			if (!(error instanceof HubApiError) || error.statusCode !== 409) throw error;
		});
		const total = files.reduce((sum, file) => sum + file.content.size, 0);
		const parts = new Map<string, number>();
		const run = uploadFilesWithProgress({
			repo,
			accessToken,
			hubUrl,
			files,
			commitTitle: title,
			abortSignal: signal
		});
		for await (const event of run) {
			if (event.event !== 'fileProgress' || event.state !== 'uploading') continue;
			const size = files.find((file) => file.path === event.path)?.content.size ?? 0;
			parts.set(event.path, size * event.progress);
			onProgress([...parts.values()].reduce((sum, part) => sum + part, 0) / Math.max(1, total));
		}
	});
}

async function asked<T>(name: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof OpenLedgerError) throw error;
		if (!(error instanceof HubApiError))
			throw new OpenLedgerError('hub/unreachable', 'The Hugging Face Hub cannot be reached.', {
				remedy: 'Check the connection, then try again.',
				cause: error
			});
		if (error.statusCode === 404) throw notFound(name, error);
		if (error.statusCode === 401 || error.statusCode === 403)
			throw new OpenLedgerError('hub/unauthorised', `The Hub does not let you use “${name}”.`, {
				remedy: 'Check the token: it must be valid and, for publishing, have write access.',
				cause: error
			});
		throw new OpenLedgerError('hub/unreachable', `The Hub refused (status ${error.statusCode}).`, {
			remedy: 'Try again in a while.',
			cause: error
		});
	}
}

function notFound(name: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('hub/not-found', `There is no dataset “${name}” on the Hub, or it is private.`, {
		remedy: 'Check the name (owner/name); for a private one, enter a token.',
		cause
	});
}
