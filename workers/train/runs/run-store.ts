import { OpenLedgerError } from '#workers/errors.ts';
import { sizeOf } from '#workers/models/store/blobs.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { takeLock, type Release } from '#workers/models/store/lock.ts';
import { decodeRecords, encodeRecords } from '#workers/models/store/record-log.ts';
import { placeWhole, readWhole } from '#workers/models/store/whole-file.ts';
import type { RunDetail } from '../api.ts';
import { migrated } from '../hyperparameters.ts';
import { foldRun, type RunFile, type RunRecord } from './records.ts';

const DIRECTORY = 'runs';
const ID = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** Hex digits of a checkpoint's SHA-256 that stand in its name. */
const HASH_DIGITS = 24;
/** Should the newest be damaged, the one before it is there. */
const KEPT = 2;

/** `state`: everything a run goes on from. `best`: the weights with the lowest validation loss. */
export type CheckpointKind = 'state' | 'best';

/**
 * Runs on this device, in `runs/`: `ID.plan` as JSON, `ID.log` with a record a line behind its CRC, and checkpoints as
 * `ID.KIND.STEP.HASH`. A checkpoint gets its name when it is whole and on the disk, and is believed only if its content has
 * the hash in the name; older ones go afterwards. So a crash at any moment costs the steps since the last checkpoint.
 */
export class RunStore {
	readonly #folder: Folder;

	constructor(folder: Folder) {
		this.#folder = folder;
	}

	/** Held while a run is worked on; undefined where another tab works on it. Given back when the worker ends. */
	lock(id: string): Promise<Release | undefined> {
		return takeLock(this.#lockName(id), { ifAvailable: true });
	}

	/** @throws OpenLedgerError `train/bad-settings` for an id that cannot be a name or is taken, `storage/full` */
	async create(file: RunFile): Promise<void> {
		const { id } = file.plan;
		if (!ID.test(id) || (await this.#names(id)).includes(`${id}.plan`))
			throw new OpenLedgerError('train/bad-settings', 'A run needs an id of its own.', {
				remedy: 'Start it under another id.',
				details: { id: id.slice(0, 80) }
			});
		await this.#place(id, `${id}.plan`, new TextEncoder().encode(JSON.stringify(file)));
	}

	/** Adds to a run's log. On the disk when this resolves. */
	async append(id: string, records: readonly RunRecord[]): Promise<void> {
		const path = `${DIRECTORY}/${id}.log`;
		const file = await this.#folder.openToWrite(path);
		try {
			// What a crash tore off would spoil the next line.
			const { end } = decodeRecords(file.read(0, file.size));
			file.truncate(end);
			file.write(end, encodeRecords(records));
			file.flush();
		} finally {
			file.close();
		}
	}

	/** Newest first. What is damaged is left out. */
	async list(): Promise<RunDetail[]> {
		const ids = (await this.#folder.names(DIRECTORY)).flatMap((name) =>
			name.endsWith('.plan') ? [name.slice(0, -5)] : []
		);
		const runs = await Promise.all(ids.map((id) => this.detail(id).catch(() => undefined)));
		return runs.filter((run) => run !== undefined).sort((a, b) => b.started - a.started);
	}

	/** @throws OpenLedgerError `train/not-found`, `storage/damaged` */
	async detail(id: string): Promise<RunDetail> {
		const file = await this.file(id);
		const log = await this.#read(`${id}.log`);
		const run = foldRun(file, decodeRecords(log ?? new Uint8Array()).records as RunRecord[]);
		if (run.state === 'running' && !(await this.#isHeld(id))) run.state = 'interrupted';
		if (run.state === 'interrupted') run.checkpoint = (await this.#checkpoints(id, 'state'))[0]?.step ?? 0;
		return run;
	}

	/** @throws OpenLedgerError `train/not-found`, `storage/damaged` */
	async file(id: string): Promise<RunFile> {
		const bytes = ID.test(id) ? await this.#read(`${id}.plan`) : undefined;
		if (!bytes)
			throw new OpenLedgerError('train/not-found', 'There is no such run on this device.', {
				remedy: 'Choose one from the list.',
				details: { id: id.slice(0, 80) }
			});
		try {
			const file = JSON.parse(new TextDecoder().decode(bytes)) as RunFile;
			return { ...file, hyperparameters: migrated(file.hyperparameters) };
		} catch (cause) {
			throw new OpenLedgerError('storage/damaged', 'What was stored of this run cannot be read.', {
				remedy: 'Delete it and start it again.',
				details: { id },
				cause
			});
		}
	}

	/** Stores a checkpoint; when this resolves it survives a crash and older ones are gone. @throws `storage/full` */
	async writeCheckpoint(id: string, kind: CheckpointKind, step: number, bytes: Uint8Array): Promise<void> {
		const hash = (await sha256Hex(bytes)).slice(0, HASH_DIGITS);
		const name = `${id}.${kind}.${step}.${hash}`;
		await this.#place(id, name, bytes);
		const older = (await this.#checkpoints(id, kind)).filter((other) => other.name !== name);
		for (const other of older.slice(KEPT - 1)) await this.#folder.remove(`${DIRECTORY}/${other.name}`);
	}

	/** The newest whole checkpoint, of at most `step` steps where told. Damaged ones are passed over. */
	async readCheckpoint(
		id: string,
		kind: CheckpointKind,
		step = Infinity
	): Promise<{ step: number; bytes: Uint8Array } | undefined> {
		for (const checkpoint of await this.#checkpoints(id, kind)) {
			if (checkpoint.step > step) continue;
			const bytes = await this.#read(checkpoint.name);
			if (bytes && (await sha256Hex(bytes)).startsWith(checkpoint.hash))
				return { step: checkpoint.step, bytes };
		}
		return undefined;
	}

	/** @throws OpenLedgerError `engine/busy` while it is worked on */
	async remove(id: string): Promise<void> {
		const release = await this.lock(id);
		if (!release) throw runBusy(id);
		try {
			// Without its plan a run is gone; what is left of it is removed by the next attempt.
			const names = (await this.#names(id)).sort((name) => (name.endsWith('.plan') ? -1 : 1));
			for (const name of names) await this.#folder.remove(`${DIRECTORY}/${name}`);
		} finally {
			await release();
		}
	}

	/** Bytes of each run: rows, log and checkpoints. Also of those too damaged to be listed. */
	async sizes(): Promise<Map<string, number>> {
		const sizes = new Map<string, number>();
		for (const name of await this.#folder.names(DIRECTORY)) {
			const id = name.slice(0, name.indexOf('.'));
			sizes.set(id, (sizes.get(id) ?? 0) + ((await sizeOf(this.#folder, `${DIRECTORY}/${name}`)) ?? 0));
		}
		return sizes;
	}

	/** Newest first. */
	async #checkpoints(
		id: string,
		kind: CheckpointKind
	): Promise<{ name: string; step: number; hash: string }[]> {
		return (await this.#names(id))
			.flatMap((name) => {
				const [, its, step, hash, ...more] = name.split('.');
				return its === kind && hash?.length === HASH_DIGITS && more.length === 0
					? [{ name, step: Number(step), hash }]
					: [];
			})
			.sort((a, b) => b.step - a.step);
	}

	async #names(id: string): Promise<string[]> {
		return (await this.#folder.names(DIRECTORY)).filter((name) => name.startsWith(`${id}.`));
	}

	#read(name: string): Promise<Uint8Array | undefined> {
		return readWhole(this.#folder, `${DIRECTORY}/${name}`);
	}

	#place(id: string, name: string, bytes: Uint8Array): Promise<void> {
		return placeWhole(this.#folder, `${DIRECTORY}/${id}.part`, `${DIRECTORY}/${name}`, bytes);
	}

	#lockName(id: string): string {
		return `${this.#folder.name}/run/${id}`;
	}

	async #isHeld(id: string): Promise<boolean> {
		const { held } = await navigator.locks.query();
		return held?.some(({ name }) => name === this.#lockName(id)) ?? false;
	}
}

export function runBusy(run: string): OpenLedgerError {
	return new OpenLedgerError('engine/busy', 'This run is under way, here or in another tab.', {
		remedy: 'Pause it first, or go to the tab in which it runs.',
		details: { run }
	});
}
