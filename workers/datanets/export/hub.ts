import { downloadFile, listFiles } from '@huggingface/hub';
import { asked as askedOf, type HubAccess } from '#workers/models/hub/push.ts';
import { OpenLedgerError } from '../../errors.ts';
import { EXTENSIONS } from '../formats/open.ts';

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

const asked = <T>(name: string, work: () => Promise<T>) =>
	askedOf(name, work, (cause) => notFound(name, cause));

function notFound(name: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('hub/not-found', `There is no dataset “${name}” on the Hub, or it is private.`, {
		remedy: 'Check the name (owner/name); for a private one, enter a token.',
		cause
	});
}
