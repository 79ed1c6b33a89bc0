import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join, relative } from 'node:path';
import { sendFile } from './hub-file.ts';
import { HubWrites } from './hub-writes.ts';

/** What goes wrong with the next request whose path contains `path`. Byte counts are of the body that is sent. */
export type Fault = { path: string; /** How many requests; default 1. */ times?: number } & (
	| { kind: 'cut' | 'stall'; after: number }
	| { kind: 'slow'; bytesPerSecond: number }
	| { kind: 'status'; status: number; retryAfter?: string }
	/** Answered after so long, as it would have been. */
	| { kind: 'wait'; ms: number }
	/** 200 and the whole file for a range request. */
	| { kind: 'ignore-range' }
	/** 206 that starts elsewhere than asked. */
	| { kind: 'wrong-range'; shift: number }
	/** One byte differs, at this place of the file. */
	| { kind: 'wrong-byte'; at: number }
	/** The body ends early or goes on too long, and the headers say so. */
	| { kind: 'shorter' | 'longer'; by: number }
	| { kind: 'etag'; etag: string }
);

/** A repository: path → bytes. */
export type RepoFiles = Record<string, Uint8Array>;

interface Commit {
	sha: string;
	files: RepoFiles;
}

export interface SeenRequest {
	path: string;
	range?: string;
	authorization?: string;
	status: number;
}

/** All files of a folder, as a repository. */
export function readRepo(folder: string): RepoFiles {
	const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
		entry.isFile()
	);
	return Object.fromEntries(
		names.map((entry) => {
			const path = join(entry.parentPath, entry.name);
			return [relative(folder, path), readFileSync(path)];
		})
	);
}

/**
 * A Hub on a loopback port: the tree and revision API, `/resolve/` with ranges and ETags, and faults to order. Also
 * driven over HTTP (test/support/hub-control.ts), for tests in a browser.
 */
export class HubServer {
	readonly #repos = new Map<string, Commit[]>();
	readonly #writes = new HubWrites(this.#repos, (repo, files) =>
		this.commit(repo, { ...this.files(repo), ...files })
	);
	readonly #faults: Fault[] = [];
	readonly #server: Server;
	/** Of files and API, in the order in which they came. */
	readonly requests: SeenRequest[] = [];
	/** Without this bearer token everything is 401. */
	token: string | undefined;
	/** Entries per page of the tree API. */
	pageSize = 1000;

	private constructor() {
		this.#server = createServer((request, response) => {
			this.#answer(request, response).catch((error) => response.destroy(error));
		});
		// After the usual five seconds it would close a connection just as a test that was busy meanwhile asks again on it.
		this.#server.keepAliveTimeout = 600_000;
	}

	static async start(repos: Record<string, RepoFiles> = {}): Promise<HubServer> {
		const hub = new HubServer();
		for (const [name, files] of Object.entries(repos)) hub.commit(name, files);
		await new Promise<void>((resolve) => hub.#server.listen(0, '127.0.0.1', resolve));
		return hub;
	}

	get url(): string {
		const address = this.#server.address();
		if (!address || typeof address === 'string') throw new Error('the server has no port');
		return `http://127.0.0.1:${address.port}`;
	}

	/** Makes these files the repository's newest commit; older ones can still be asked for. */
	commit(repo: string, files: RepoFiles): string {
		const hash = createHash('sha1');
		for (const [path, bytes] of Object.entries(files)) hash.update(`${path}\n`).update(bytes);
		const sha = hash.digest('hex');
		this.#repos.set(repo, [{ sha, files }, ...(this.#repos.get(repo) ?? [])]);
		return sha;
	}

	/** Of a repository's newest commit. */
	files(repo: string): RepoFiles {
		return this.#repos.get(repo)?.[0]?.files ?? {};
	}

	/** Faults apply in the order in which they were given. */
	fault(...faults: Fault[]): void {
		this.#faults.push(...faults);
	}

	clear(): void {
		this.#faults.length = 0;
		this.requests.length = 0;
		this.token = undefined;
	}

	async close(): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((resolve) => this.#server.close(resolve));
	}

	async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const url = new URL(request.url ?? '/', this.url);
		const path = decodeURIComponent(url.pathname);
		// As the Hub's own CORS headers.
		response.setHeader('Access-Control-Allow-Origin', '*');
		response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
		response.setHeader(
			'Access-Control-Expose-Headers',
			'X-Repo-Commit,X-Error-Code,ETag,Link,Accept-Ranges,Content-Range,Content-Length,Retry-After'
		);
		if (request.method === 'OPTIONS') {
			response.setHeader('Access-Control-Allow-Headers', 'authorization,range,content-type');
			response.setHeader('Access-Control-Allow-Methods', 'GET,HEAD,PUT,POST');
			return void response.writeHead(204).end();
		}
		if (path.startsWith('/control/')) return this.#control(path, request, response);
		const { range, authorization } = request.headers;
		const seen: SeenRequest = { path, range, authorization, status: 0 };
		this.requests.push(seen);
		response.on('close', () => (seen.status = response.statusCode));
		const fault = this.#takeFault(path);
		if (fault?.kind === 'wait') await new Promise((resolve) => setTimeout(resolve, fault.ms));
		if (fault?.kind === 'status') {
			if (fault.retryAfter !== undefined) response.setHeader('Retry-After', fault.retryAfter);
			return void response.writeHead(fault.status).end();
		}
		// Uploads go to a signed address, which the Hub's client rightly asks without the token.
		const signed = request.method === 'PUT' && path.startsWith('/lfs/');
		if (!signed && this.token !== undefined && authorization !== `Bearer ${this.token}`)
			return void response.writeHead(401).end('Invalid credentials');
		const written = this.#writes.answer(request.method ?? '', path, this.url, await bodyOf(request));
		if (written)
			return void response
				.writeHead(written.status, { 'Content-Type': 'application/json' })
				.end(JSON.stringify(written.body ?? {}));
		const api = /^\/api\/(?:models|datasets)\/([^/]+(?:\/[^/]+)?)\/(tree|revision)\/(.+)$/.exec(path);
		const file = /^(?:\/datasets)?\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
		const [repo, revision] = api ? [api[1], api[3]] : [file?.[1], file?.[2]];
		const commits = this.#repos.get(repo ?? '');
		const commit = revision === 'main' ? commits?.[0] : commits?.find(({ sha }) => sha === revision);
		const bytes = commit?.files[file?.[3] ?? ''];
		if (!commit || (file && !bytes)) return void response.writeHead(404).end('Entry not found');
		response.setHeader('X-Repo-Commit', commit.sha);
		if (bytes) return sendFile(request, response, bytes, fault);
		response.setHeader('Content-Type', 'application/json');
		if (api?.[2] === 'revision') return void response.end(JSON.stringify({ id: repo, sha: commit.sha }));
		this.#sendTree(url, commit, response);
	}

	#sendTree(url: URL, { files }: Commit, response: ServerResponse): void {
		const entries = Object.entries(files).map(([path, bytes]) => treeEntry(path, bytes));
		const folders = new Set(Object.keys(files).flatMap((path) => path.split('/').slice(0, -1)));
		const all = [
			...[...folders].map((path) => ({ type: 'directory', path, size: 0, oid: '0'.repeat(40) })),
			...entries
		];
		const from = Number(url.searchParams.get('cursor') ?? 0);
		if (from + this.pageSize < all.length) {
			url.searchParams.set('cursor', String(from + this.pageSize));
			response.setHeader('Link', `<${url.href}>; rel="next"`);
		}
		response.end(JSON.stringify(all.slice(from, from + this.pageSize)));
	}

	async #control(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
		const body = await bodyOf(request);
		const file = /^\/control\/file\/([^/]+\/[^/]+)\/(.+)$/.exec(path);
		if (file?.[1] && file[2]) this.commit(file[1], { ...this.files(file[1]), [file[2]]: body });
		else if (path === '/control/fault') this.fault(JSON.parse(body.toString()) as Fault);
		response.end(path === '/control/requests' ? JSON.stringify(this.requests) : '');
	}

	#takeFault(path: string): Fault | undefined {
		const at = this.#faults.findIndex((fault) => path.includes(fault.path));
		const fault = this.#faults[at];
		if (!fault) return undefined;
		const times = fault.times ?? 1;
		if (times > 1) this.#faults[at] = { ...fault, times: times - 1 };
		else this.#faults.splice(at, 1);
		return fault;
	}
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks);
}

/** As the Hub tells it: large and binary files in LFS with their SHA-256, the others by Git's blob hash. */
function treeEntry(path: string, bytes: Uint8Array) {
	const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
	const entry = { type: 'file', oid, size: bytes.length, path };
	if (!/\.(onnx|onnx_data(_\d+)?|safetensors|bin)$/.test(path) && bytes.length < 10e6) return entry;
	const sha256 = createHash('sha256').update(bytes).digest('hex');
	return { ...entry, lfs: { oid: sha256, size: bytes.length, pointerSize: 134 } };
}
