import { createRepo, HubApiError, uploadFilesWithProgress } from '@huggingface/hub';
import { OpenLedgerError } from '#workers/errors.ts';
import { Hub } from './hub.ts';

export interface HubAccess {
	/** Of the Hub; another one for tests and mirrors. */
	hubUrl: string;
	/** The person's own token; only for writing, and for private repositories. */
	token?: string;
}

export interface PushOptions extends HubAccess {
	token: string;
	/** Of a repository that is made; one that is there stays as it is. */
	private: boolean;
	title: string;
	/** Whether files of the repository may take the place of others that are there. */
	mayReplace: boolean;
}

/**
 * Commits files to a repository of the Hub, making it where it does not exist. Throws `hub/*`, `aborted`; `hub/occupied` before
 * anything is uploaded.
 *
 * @param onProgress hears of the part that is uploaded, 0 to 1
 * @returns the commit, 40 hexadecimal digits
 */
export async function pushRepo(
	repo: { type: 'dataset' | 'model'; name: string },
	files: { path: string; content: Blob }[],
	{ hubUrl, token: accessToken, title, private: isPrivate, mayReplace }: PushOptions,
	onProgress: (part: number) => void,
	signal: AbortSignal
): Promise<string> {
	// The client refuses others by itself, in words of its own.
	if (!accessToken.startsWith('hf_'))
		throw new OpenLedgerError('hub/unauthorised', 'This is no access token of the Hub.', {
			remedy: 'Copy the whole token; it begins with hf_.'
		});
	return asked(repo.name, async () => {
		let isThere = false;
		await createRepo({ repo, accessToken, hubUrl, private: isPrivate }).catch((error: unknown) => {
			// 409: it is there already, which is just as well.
			if (!(error instanceof HubApiError) || error.statusCode !== 409) throw error;
			isThere = true;
		});
		if (isThere && !mayReplace) {
			const hub = new Hub({ url: hubUrl, token: accessToken });
			const there = await hub.list(repo.name, 'main', signal, repo.type);
			const lost = files.filter(({ path }) => there.files.some((file) => file.path === path));
			if (lost.length) throw occupied(repo.name, lost);
		}
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
		for (;;) {
			const step = await run.next();
			if (step.done) {
				if (step.value) return step.value.commit.oid;
				throw new OpenLedgerError('hub/unreachable', 'The Hub did not say that it has taken the files.', {
					remedy: 'Look at the repository, then try again.'
				});
			}
			const event = step.value;
			if (event.event !== 'fileProgress' || event.state !== 'uploading') continue;
			const size = files.find((file) => file.path === event.path)?.content.size ?? 0;
			parts.set(event.path, size * event.progress);
			onProgress([...parts.values()].reduce((sum, part) => sum + part, 0) / Math.max(1, total));
		}
	});
}

function occupied(name: string, files: { path: string }[]): OpenLedgerError {
	const paths = files.map(({ path }) => path).join(', ');
	return new OpenLedgerError('hub/occupied', `“${name}” exists and holds ${paths}.`, {
		remedy: 'Publishing replaces these files; the former ones stay in the repository’s history only.'
	});
}

/**
 * Calls the Hub and says in our words what went wrong. Throws `hub/*`.
 * @param notFound the error that a repository is not there
 */
export async function asked<T>(
	name: string,
	work: () => Promise<T>,
	notFound = (cause: unknown) => notThere(name, cause)
): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof OpenLedgerError) throw error;
		if (!(error instanceof HubApiError))
			throw new OpenLedgerError('hub/unreachable', 'The Hugging Face Hub cannot be reached.', {
				remedy: 'Check the connection, then try again.',
				cause: error
			});
		if (error.statusCode === 404) throw notFound(error);
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

function notThere(name: string, cause: unknown): OpenLedgerError {
	return new OpenLedgerError('hub/not-found', `There is no “${name}” on the Hub, or it is private.`, {
		remedy: 'Check the name (owner/name): the owner must be you or an organisation of yours.',
		cause
	});
}
