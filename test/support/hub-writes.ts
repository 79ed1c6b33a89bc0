import { createHash } from 'node:crypto';
import type { RepoFiles } from './hub-server.ts';

/** A request and what is to be answered: JSON, or nothing. */
interface Answer {
	status: number;
	body?: unknown;
}

/** What the Hub does with commits: files go up as LFS objects or inside the commit itself. */
export class HubWrites {
	readonly #objects = new Map<string, Uint8Array>();
	readonly #repos: ReadonlyMap<string, unknown>;
	readonly #commit: (repo: string, files: RepoFiles) => string;

	/** @param commit adds files to a repository's newest commit */
	constructor(repos: ReadonlyMap<string, unknown>, commit: (repo: string, files: RepoFiles) => string) {
		this.#repos = repos;
		this.#commit = commit;
	}

	/** Undefined for a request that writes nothing. */
	answer(method: string, path: string, origin: string, body: Buffer): Answer | undefined {
		const object = /^\/lfs\/([0-9a-f]{64})$/.exec(path)?.[1];
		if (method === 'PUT' && object) {
			if (createHash('sha256').update(body).digest('hex') !== object) return { status: 422 };
			this.#objects.set(object, body);
			return { status: 200 };
		}
		if (method !== 'POST') return undefined;
		if (path === '/api/repos/create') return this.#create(body);
		const batch = /^\/(?:datasets\/)?([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
		if (batch) return { status: 200, body: this.#batch(origin, body) };
		const write = /^\/api\/(?:datasets|models)\/([^/]+\/[^/]+)\/(preupload|commit)\/main$/.exec(path);
		if (!write?.[1]) return undefined;
		if (!this.#repos.has(write[1])) return { status: 404 };
		return write[2] === 'preupload' ? preupload(body) : this.#take(write[1], body);
	}

	#create(body: Buffer): Answer {
		const { organization, name, type } = JSON.parse(body.toString()) as Record<string, string>;
		const repo = `${organization}/${name}`;
		if (type !== 'dataset' && type !== 'model') return { status: 400 };
		if (this.#repos.has(repo)) return { status: 409, body: { error: 'You already created this repo' } };
		this.#commit(repo, {});
		return { status: 200, body: { url: repo, id: repo } };
	}

	#batch(origin: string, body: Buffer) {
		const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
		return {
			transfer: 'basic',
			objects: objects.map(({ oid, size }) =>
				this.#objects.has(oid)
					? { oid, size }
					: { oid, size, actions: { upload: { href: `${origin}/lfs/${oid}` } } }
			)
		};
	}

	/** One line of JSON for the commit and for each file. */
	#take(repo: string, body: Buffer): Answer {
		const files: RepoFiles = {};
		for (const line of body.toString().split('\n').filter(Boolean)) {
			const { key, value } = JSON.parse(line) as { key: string; value: Record<string, string> };
			const path = value.path ?? '';
			if (key === 'file') files[path] = Buffer.from(value.content ?? '', 'base64');
			if (key !== 'lfsFile') continue;
			const object = this.#objects.get(value.oid ?? '');
			if (!object) return { status: 422, body: { error: `${path} was not uploaded` } };
			files[path] = object;
		}
		const commitOid = this.#commit(repo, files);
		return {
			status: 200,
			body: { success: true, commitOid, commitUrl: `/${repo}/commit/${commitOid}`, hookOutput: '' }
		};
	}
}

function preupload(body: Buffer): Answer {
	const { files } = JSON.parse(body.toString()) as { files: { path: string; size: number }[] };
	const isText = (path: string) => /\.(md|jsonl?|csv|txt)$/.test(path);
	return {
		status: 200,
		body: { files: files.map(({ path }) => ({ path, uploadMode: isText(path) ? 'regular' : 'lfs' })) }
	};
}
