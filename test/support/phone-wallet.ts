import { fork, type ChildProcess } from 'node:child_process';
import type { Address } from 'viem';
import type { PhoneActions } from './phone-main.ts';
import type { LocalRelay } from './relay.ts';

/** A wallet on another device, that is in another process. It can be told to behave badly. */
export class PhoneWallet {
	address: Address = '0x';
	readonly #process: ChildProcess = fork(new URL('./phone-main.ts', import.meta.url), { stdio: 'ignore' });
	#waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
	#id = 0;

	constructor() {
		this.#process.on('message', ({ id, result, error }: { id: number; result: never; error?: string }) => {
			const waiting = this.#waiting.get(id);
			this.#waiting.delete(id);
			if (error) waiting?.reject(new Error(error));
			else waiting?.resolve(result);
		});
	}

	/** Begins anew at a relay, connected to nobody, well-behaved. */
	async start(relay: LocalRelay, rpc: string): Promise<void> {
		this.address = await this.tell('start', relay.projectId, relay.url, rpc);
	}

	tell<A extends keyof PhoneActions>(
		action: A,
		...args: Parameters<PhoneActions[A]>
	): ReturnType<PhoneActions[A]> {
		const id = ++this.#id;
		const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
		this.#process.send({ id, action, args });
		return answer as ReturnType<PhoneActions[A]>;
	}

	stop(): void {
		this.#process.kill();
	}
}
