import { readdirSync } from 'node:fs';
import type { BrowserContext, Page } from 'playwright';

/** An argument that cannot cross into the page as it is. */
type Argument = { listener: true } | Named | { files: Named[] } | { value: unknown };

interface Named {
	file: string;
	base64: string;
}

export const listener: Argument = { listener: true };

export function fileArgument(name: string, bytes: Uint8Array): Named {
	return { file: name, base64: Buffer.from(bytes).toString('base64') };
}

export interface Answer<T = unknown> {
	value: T;
	/** In the page, from call to answer. */
	ms: number;
}

/**
 * A tab of the built app with nothing in it but one of its workers, called as the app does (Comlink's messages): for what
 * must hold whatever the pages do, and to be killed at any moment.
 */
export class WorkerTab {
	readonly page: Page;

	private constructor(page: Page) {
		this.page = page;
	}

	static async open(context: BrowserContext, url: string, worker: string): Promise<WorkerTab> {
		const folder = new URL('../../build/_app/immutable/workers/', import.meta.url);
		const file = readdirSync(folder).find((entry) => entry.startsWith(`${worker}.worker`));
		if (!file) throw new Error(`The build has no worker “${worker}”.`);
		const page = await context.newPage();
		await page.goto(`${url}/favicon.svg`);
		await page.evaluate(install, `/_app/immutable/workers/${file}`);
		return new WorkerTab(page);
	}

	/** Rejects with the code of an OpenLedgerError as its message. */
	async call<T = unknown>(method: string, ...args: unknown[]): Promise<Answer<T>> {
		return this.page.evaluate(
			(call) => (window as unknown as { callWorker(call: unknown): Promise<never> }).callWorker(call),
			{ method, args: args.map(asArgument) }
		);
	}

	/** The process goes as if the system had killed it: no handler runs. */
	async kill(): Promise<void> {
		const session = await this.page.context().newCDPSession(this.page);
		const crashed = this.page.waitForEvent('crash');
		session.send('Page.crash').catch(() => undefined);
		await crashed;
		await this.page.close();
	}

	async close(): Promise<void> {
		await this.page.close();
	}
}

function asArgument(value: unknown): Argument {
	const isOne =
		typeof value === 'object' &&
		value !== null &&
		('listener' in value || 'file' in value || 'files' in value);
	return isOne ? (value as Argument) : { value };
}

/** Runs in the page. */
function install(url: string): void {
	const worker = new Worker(url, { type: 'module', name: `tab-${Math.random()}` });
	const waiting = new Map<string, (answer: { type: string; value: unknown }) => void>();
	worker.onmessage = ({ data }) => waiting.get(data.id)?.(data);
	const fileOf = ({ file, base64 }: Named) =>
		new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], file);
	const callWorker = async ({ method, args }: { method: string; args: Argument[] }) => {
		const id = `call-${Math.random()}`;
		const ports: Transferable[] = [];
		const argumentList = args.map((argument) => {
			if ('value' in argument) return { type: 'RAW', value: argument.value };
			if ('file' in argument) return { type: 'RAW', value: fileOf(argument) };
			if ('files' in argument) return { type: 'RAW', value: argument.files.map(fileOf) };
			const { port1, port2 } = new MessageChannel();
			port1.onmessage = ({ data }) => port1.postMessage({ id: data.id, type: 'RAW', value: undefined });
			ports.push(port2);
			return { type: 'HANDLER', name: 'proxy', value: port2 };
		});
		const began = performance.now();
		const answer = await new Promise<{ type: string; value: unknown }>((resolve, reject) => {
			worker.onerror = ({ message }) => reject(new Error(message));
			waiting.set(id, resolve);
			worker.postMessage({ id, type: 'APPLY', path: [method], argumentList }, ports);
		});
		waiting.delete(id);
		const thrown = (answer.value as { openLedger?: { code: string; message: string } } | undefined)
			?.openLedger;
		if (thrown) throw new Error(`${thrown.code}: ${thrown.message}`);
		if (answer.type === 'HANDLER') throw new Error(`${method}: ${JSON.stringify(answer.value)}`);
		return { value: answer.value, ms: performance.now() - began };
	};
	Object.assign(window, { callWorker });
}
