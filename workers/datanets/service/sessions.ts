import { OpenLedgerError } from '../../errors.ts';
import { askUntilOpen, type Unlock } from '../backup/unlock.ts';
import { Session } from '../session.ts';
import { deleteDatanet } from '../store/datanets.ts';
import type { DatanetDb } from '../store/db.ts';
import { lockDatanet, sealRows, unlockDatanet } from '../store/locking.ts';

type Progress = (done: number, total: number) => void;

/** Opened Datanets of this worker. A locked one stays open until it is closed or the page goes. */
export class Sessions {
	readonly #db: DatanetDb;
	readonly #open = new Map<string, Promise<Session>>();

	constructor(db: DatanetDb) {
		this.#db = db;
	}

	/** Opens, or brings up to date what is open. Throws `datanet/locked`, `datanet/not-found`. */
	async get(datanet: string, passphrase?: string, onProgress?: Progress): Promise<Session> {
		const opening = this.#open.get(datanet);
		if (opening) {
			// One that is just being refused for want of a passphrase is opened again with it.
			const session = await (passphrase === undefined ? opening : opening.catch(() => undefined));
			if (!session) return this.get(datanet, passphrase, onProgress);
			try {
				await session.refresh(onProgress);
				return session;
			} catch (error) {
				if (!isLocked(error)) throw error;
				// Another tab has locked it, or taken the lock away: it is opened anew.
				if (this.#open.get(datanet) === opening) this.#open.delete(datanet);
				return this.get(datanet, passphrase, onProgress);
			}
		}
		return this.#keep(datanet, async () => {
			const session = await Session.open(this.#db, datanet, passphrase, onProgress);
			// A tab that died while locking has left rows open.
			if (session.vault) await sealRows(session, session.vault);
			return session;
		});
	}

	/** Puts a Datanet behind a passphrase, or takes it away. Calls that come meanwhile wait for its end. */
	async lock(datanet: string, passphrase: string | undefined): Promise<void> {
		const session = await this.get(datanet);
		await this.#keep(datanet, async () => {
			if (passphrase === undefined) await unlockDatanet(session);
			else await lockDatanet(session, passphrase);
			return Session.open(this.#db, datanet, passphrase);
		});
	}

	async #keep(datanet: string, open: () => Promise<Session>): Promise<Session> {
		const opening = open();
		this.#open.set(datanet, opening);
		try {
			return await opening;
		} catch (error) {
			if (this.#open.get(datanet) === opening) this.#open.delete(datanet);
			throw error;
		}
	}

	/** Opens one, asking for its passphrase where it needs it; undefined where the person has none. */
	async openAsking(datanet: string, unlock: Unlock): Promise<Session | undefined> {
		const record = await this.#db.datanets.get(datanet);
		if (!record?.vault || this.#open.has(datanet)) return this.get(datanet);
		return askUntilOpen(record.name, unlock, (passphrase) => this.get(datanet, passphrase));
	}

	close(datanet: string): void {
		this.#open.delete(datanet);
	}

	async delete(datanet: string): Promise<void> {
		this.close(datanet);
		await deleteDatanet(this.#db, datanet);
	}
}

function isLocked(error: unknown): boolean {
	return error instanceof OpenLedgerError && error.code === 'datanet/locked';
}
