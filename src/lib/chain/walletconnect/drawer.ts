import Dexie, { type EntityTable } from 'dexie';
import { AGREEMENT, type Drawer } from './agreement.ts';

interface Kept {
	name: string;
	text: string;
}

class DrawerDatabase extends Dexie {
	declare kept: EntityTable<Kept, 'name'>;

	constructor() {
		super('openledger-walletconnect');
		this.version(1).stores({ kept: 'name' });
	}
}

/**
 * The agreement with a wallet, in IndexedDB: its key is a secret, and localStorage is what every script and extension reads first. What lies
 * there is read once (`open`), then known without waiting; what other tabs change is told by a channel.
 */
class AgreementDrawer implements Drawer {
	readonly #db = new DrawerDatabase();
	readonly #known = new Map<string, string>();
	readonly #tabs = new BroadcastChannel('openledger-walletconnect');
	#opened: Promise<void> | undefined;

	/** Call before anything is looked for. Without storage nothing is kept: the wallet is then connected until a reload. */
	open(): Promise<void> {
		return (this.#opened ??= this.#read().catch(() => undefined));
	}

	getItem(name: string): string | null {
		return this.#known.get(name) ?? null;
	}

	setItem(name: string, text: string): void {
		this.#known.set(name, text);
		void this.#write(() => this.#db.kept.put({ name, text }));
	}

	removeItem(name: string): void {
		this.#known.delete(name);
		void this.#write(() => this.#db.kept.delete(name));
	}

	/** Calls back when another tab has changed what lies here. */
	watch(listener: () => void): void {
		this.#tabs.addEventListener('message', () => void this.#read().then(listener, () => undefined));
	}

	async #read(): Promise<void> {
		// Where earlier versions kept it.
		const before = localStorage.getItem(AGREEMENT);
		if (before) {
			await this.#db.kept.put({ name: AGREEMENT, text: before });
			localStorage.removeItem(AGREEMENT);
		}
		const kept = await this.#db.kept.toArray();
		this.#known.clear();
		for (const { name, text } of kept) this.#known.set(name, text);
	}

	async #write(work: () => PromiseLike<unknown>): Promise<void> {
		await Promise.resolve(work()).catch(() => undefined);
		this.#tabs.postMessage('changed');
	}
}

export const drawer = new AgreementDrawer();
