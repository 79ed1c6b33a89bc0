import { OpenLedgerError } from '#workers/errors.ts';
import { fetchJson } from '#workers/models/download/fetch-json.ts';
import type { Remote } from '#workers/models/download/request.ts';
import { patient, type RetryPolicy } from '#workers/models/download/retry.ts';
import type { WantedFile } from '#workers/models/store/item.ts';
import { isSafePath } from './safe-path.ts';

export const HUGGING_FACE = 'https://huggingface.co';
const maxFiles = 20_000;

export interface HubOptions {
	/** Without a trailing slash. */
	url?: string;
	/** For gated and private repositories; sent to `url` only. */
	token?: string;
	policy?: RetryPolicy;
}

/** A repository at one commit. */
export interface HubRepo {
	repo: string;
	/** Full commit hash: what is fetched does not change under us. */
	commit: string;
	/** SPDX-like name from the model card, where stated. */
	licence?: string;
	files: (WantedFile & { size: number })[];
}

/** The public API of huggingface.co (or a server that speaks it): https://huggingface.co/docs/hub/api */
export class Hub {
	readonly #url: string;
	readonly #headers: Record<string, string>;
	readonly #policy: RetryPolicy;

	constructor({ url = HUGGING_FACE, token, policy = patient }: HubOptions = {}) {
		this.#url = url.replace(/\/+$/, '');
		this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
		this.#policy = policy;
	}

	/**
	 * Resolves a branch, tag or commit and lists all files.
	 * @throws OpenLedgerError `hub/*`, `aborted`
	 */
	async list(
		repo: string,
		revision = 'main',
		signal?: AbortSignal,
		kind: 'model' | 'dataset' = 'model'
	): Promise<HubRepo> {
		if (!/^[\w.-]{1,96}(\/[\w.-]{1,96})?$/.test(repo) || repo.split('/').some((part) => /^\.+$/.test(part)))
			throw new OpenLedgerError('hub/not-found', 'This is not the name of a repository.', {
				remedy: 'Names look like owner/model, as in the address of the model’s page.',
				details: { repo: repo.slice(0, 200) }
			});
		const api = `${this.#url}/api/${kind}s/${repo}`;
		const about = await this.#get(`${api}/revision/${encodeURIComponent(revision)}`, signal);
		const { sha, tags } = about.json as { sha?: unknown; tags?: unknown };
		if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) throw strange('it names no commit', api);
		const files: HubRepo['files'] = [];
		let next: string | undefined = `${api}/tree/${sha}?recursive=true`;
		while (next !== undefined) {
			const { json, headers } = await this.#get(next, signal);
			if (!Array.isArray(json)) throw strange('its list of files is none', next);
			for (const entry of json) {
				const file = readEntry(entry);
				if (file) files.push(file);
			}
			if (files.length > maxFiles) throw strange('it has too many files', next);
			next = nextPage(headers.get('Link'), next);
		}
		return { repo, commit: sha, licence: licenceIn(tags), files };
	}

	/** Where a file of a repository is fetched. */
	remote({ repo, commit }: { repo: string; commit: string }, path: string): Remote {
		const escaped = path.split('/').map(encodeURIComponent).join('/');
		return { url: `${this.#url}/${repo}/resolve/${commit}/${escaped}`, headers: this.#headers };
	}

	/** A small JSON file of a repository. */
	async json(repo: HubRepo, path: string, signal?: AbortSignal): Promise<unknown> {
		return (await fetchJson(this.remote(repo, path), { signal, policy: this.#policy })).json;
	}

	async #get(url: string, signal?: AbortSignal) {
		// A page's link must not lead the token elsewhere.
		if (new URL(url).origin !== new URL(this.#url).origin) throw strange('it points to another server', url);
		const answer = await fetchJson({ url, headers: this.#headers }, { signal, policy: this.#policy });
		if (typeof answer.json !== 'object' || answer.json === null) throw strange('it is empty', url);
		return answer;
	}
}

/** Undefined for folders. LFS files have a SHA-256, the others Git's hash only. */
function readEntry(entry: unknown): HubRepo['files'][number] | undefined {
	const { type, path, size, oid, lfs } = (entry ?? {}) as Record<string, unknown>;
	if (type !== 'file') return undefined;
	if (!isSafePath(path) || !isSize(size)) throw strange('a file has no valid path or size', String(path));
	if (typeof lfs !== 'object' || lfs === null) {
		if (typeof oid !== 'string' || !/^[0-9a-f]{40}$/.test(oid)) throw strange('a file has no hash', path);
		return { path, size, gitSha1: oid };
	}
	const large = lfs as Record<string, unknown>;
	if (typeof large.oid !== 'string' || !/^[0-9a-f]{64}$/.test(large.oid) || !isSize(large.size))
		throw strange('a file has no hash', path);
	return { path, size: large.size, sha256: large.oid };
}

function isSize(value: unknown): value is number {
	return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** RFC 8288: `<url>; rel="next"`. */
function nextPage(header: string | null, current: string): string | undefined {
	const url = /<([^>]+)>\s*;\s*rel="?next"?/.exec(header ?? '')?.[1];
	if (url === undefined) return undefined;
	if (!URL.canParse(url, current)) throw strange('its next page has no address', current);
	const next = new URL(url, current).href;
	return next === current ? undefined : next;
}

function licenceIn(tags: unknown): string | undefined {
	if (!Array.isArray(tags)) return undefined;
	const tag: unknown = tags.find(
		(value) => typeof value === 'string' && /^license:[\w.-]{1,60}$/.test(value)
	);
	return typeof tag === 'string' ? tag.slice('license:'.length) : undefined;
}

function strange(reason: string, where: string): OpenLedgerError {
	return new OpenLedgerError('hub/wrong-bytes', `The source’s answer makes no sense: ${reason}.`, {
		remedy: 'Check the address of the source in the settings, or try another repository.',
		details: { where: where.slice(0, 300) }
	});
}
