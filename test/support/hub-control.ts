import type { Fault, SeenRequest } from './hub-server.ts';

/** Drives a HubServer over HTTP, so that a test in a browser can too. */
export class HubControl {
	readonly url: string;

	constructor(url: string) {
		this.url = url;
	}

	/** Adds or replaces a file in the repository's newest commit. */
	async put(repo: string, path: string, bytes: Uint8Array): Promise<void> {
		await this.#call(`file/${repo}/${path}`, { method: 'PUT', body: bytes.slice() });
	}

	async fault(fault: Fault): Promise<void> {
		await this.#call('fault', { method: 'POST', body: JSON.stringify(fault) });
	}

	/** Requests for a repository so far, oldest first. */
	async requests(repo: string): Promise<SeenRequest[]> {
		const response = await this.#call('requests');
		return ((await response.json()) as SeenRequest[]).filter(({ path }) => path.includes(repo));
	}

	async #call(path: string, init?: RequestInit): Promise<Response> {
		const response = await fetch(`${this.url}/control/${path}`, init);
		if (!response.ok) throw new Error(`control ${path}: ${response.status}`);
		return response;
	}
}
