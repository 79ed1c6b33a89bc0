import { OpenLedgerError } from '#workers/errors.ts';
import { isJsonObject } from '#workers/formats/strict-json.ts';
import { sizeOf } from '#workers/models/store/blobs.ts';
import type { Folder, WritableFile } from '#workers/models/store/folder.ts';
import { takeLock } from '#workers/models/store/lock.ts';
import { crc32 } from '#workers/models/store/record-log.ts';
import { readWhole, writeWhole } from '#workers/models/store/whole-file.ts';
import type { UnfinishedIndex } from '../api.ts';
import type { KeptSketches } from './build-index.ts';
import { readRows, writeRows, type LearntRows } from './rows-file.ts';

const DIRECTORY = 'indexing';
const FORMAT = 'openledger-index-build/1';
/** Of the device's free room that sketches of an unfinished build may take. */
const ROOM = 0.5;
/** Sketches between two flushes: what a crash costs at most. */
const FLUSH = 16;

/** What an unfinished build goes on from. */
interface Plan {
	format: typeof FORMAT;
	/** Id of the base, and hash of all that decides the sketches. */
	model: string;
	key: string;
	/** Numbers of a sketch, and how many there will be. */
	width: number;
	total: number;
}

/**
 * Index builds under way, so that a closed tab or a crash costs no more than the last few rows: in `indexing/`, by adapter, `ID.plan` as
 * JSON, `ID.rows` and `ID.sketches`, where each sketch is a record of its row (uint32), a CRC-32 and its float32 numbers, in the machine's
 * byte order, which is this device's alone. Kept bit by bit: the index comes out the same.
 */
export class BuildDrafts {
	readonly #folder: Folder;

	constructor(folder: Folder) {
		this.#folder = folder;
	}

	/** While no other tab builds this adapter's index. @throws OpenLedgerError `engine/busy` */
	async alone<T>(adapter: string, work: () => Promise<T>): Promise<T> {
		const release = await takeLock(this.#lockName(adapter), { ifAvailable: true });
		if (!release) throw builtElsewhere();
		try {
			return await work();
		} finally {
			await release();
		}
	}

	/** Builds that were left, and those of other tabs. */
	async list(): Promise<UnfinishedIndex[]> {
		const names = await this.#folder.names(DIRECTORY);
		const adapters = names.flatMap((name) => (name.endsWith('.plan') ? [name.slice(0, -5)] : []));
		const held = new Set((await navigator.locks.query()).held?.map(({ name }) => name));
		const found = await Promise.all(
			adapters.map(async (adapter): Promise<UnfinishedIndex | undefined> => {
				const elsewhere = held.has(this.#lockName(adapter));
				const plan = elsewhere ? undefined : await this.#plan(adapter);
				if (elsewhere) return { adapter, model: '', done: 0, total: 0, bytes: 0, elsewhere };
				if (!plan) return undefined;
				const bytes = (await sizeOf(this.#folder, path(adapter, 'sketches'))) ?? 0;
				const { model, total, width } = plan;
				return { adapter, model, done: Math.floor(bytes / recordBytes(width)), total, bytes, elsewhere };
			})
		);
		return found.filter((build) => build !== undefined);
	}

	/** The rows of an unfinished build. @throws OpenLedgerError `rows/malformed` */
	async rows(adapter: string): Promise<LearntRows | undefined> {
		const bytes = await this.#read(adapter, 'rows');
		return bytes && readRows(bytes);
	}

	/**
	 * Begins to keep sketches, or goes on where the same build was left. Undefined where there is no room for them: the index is then built
	 * in one go. Call while its lock is held.
	 */
	async open(
		adapter: string,
		{ model, key, width, total }: Omit<Plan, 'format'>,
		rows: LearntRows
	): Promise<Sketches | undefined> {
		if (!this.#folder.lasting) return undefined;
		const before = await this.#plan(adapter);
		if (before?.key !== key) {
			await this.remove(adapter);
			const space = await this.#folder.space();
			if (space && total * recordBytes(width) > ROOM * (space.quota - space.used)) return undefined;
			const plan: Plan = { format: FORMAT, model, key, width, total };
			try {
				await this.#write(adapter, 'rows', await writeRows(rows));
				// Without its plan a build is none: the plan comes last.
				await this.#write(adapter, 'plan', new TextEncoder().encode(JSON.stringify(plan)));
			} catch (error) {
				await this.remove(adapter);
				if (isFull(error)) return undefined;
				throw error;
			}
		}
		return new Sketches(await this.#folder.openToWrite(path(adapter, 'sketches')), width);
	}

	/** Bytes of what is kept of each adapter's build. */
	async sizes(): Promise<Map<string, number>> {
		const sizes = new Map<string, number>();
		for (const name of await this.#folder.names(DIRECTORY)) {
			const adapter = name.slice(0, name.lastIndexOf('.'));
			const bytes = (await sizeOf(this.#folder, `${DIRECTORY}/${name}`)) ?? 0;
			sizes.set(adapter, (sizes.get(adapter) ?? 0) + bytes);
		}
		return sizes;
	}

	async remove(adapter: string): Promise<void> {
		for (const part of ['plan', 'rows', 'sketches'] as const) await this.#folder.remove(path(adapter, part));
	}

	async #plan(adapter: string): Promise<Plan | undefined> {
		const bytes = await this.#read(adapter, 'plan');
		if (!bytes) return undefined;
		try {
			const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
			return isJsonObject(value) && value.format === FORMAT ? (value as unknown as Plan) : undefined;
		} catch {
			// A crash tore it: the build begins again.
			return undefined;
		}
	}

	#read(adapter: string, part: Part): Promise<Uint8Array | undefined> {
		return readWhole(this.#folder, path(adapter, part));
	}

	#write(adapter: string, part: Part, bytes: Uint8Array): Promise<void> {
		return writeWhole(this.#folder, path(adapter, part), bytes);
	}

	#lockName(adapter: string): string {
		return `${this.#folder.name}/indexing/${adapter}`;
	}
}

/** Sketches of the rows that are done, in one file. */
class Sketches implements KeptSketches {
	readonly #file: WritableFile;
	readonly #width: number;
	/** Where each row's record begins. */
	readonly #places = new Map<number, number>();
	#end = 0;
	#unflushed = 0;
	#full = false;

	/** Reads what is there; what a crash tore or damage spoilt is left out and computed again. */
	constructor(file: WritableFile, width: number) {
		this.#file = file;
		this.#width = width;
		const size = recordBytes(width);
		for (; this.#end + size <= file.size; this.#end += size) {
			const record = file.read(this.#end, size);
			const view = new DataView(record.buffer, record.byteOffset);
			if (view.getUint32(4, true) === crc32(record.subarray(8)))
				this.#places.set(view.getUint32(0, true), this.#end);
		}
		file.truncate(this.#end);
	}

	has(row: number): boolean {
		return this.#places.has(row);
	}

	of(row: number): Float32Array | undefined {
		const place = this.#places.get(row);
		if (place === undefined) return undefined;
		return new Float32Array(this.#file.read(place + 8, 4 * this.#width).slice().buffer);
	}

	/** Where the disk is full the build goes on without being kept. */
	keep(row: number, sketch: Float32Array): void {
		if (this.#full) return;
		const record = new Uint8Array(recordBytes(this.#width));
		record.set(new Uint8Array(sketch.buffer, sketch.byteOffset, sketch.byteLength), 8);
		const view = new DataView(record.buffer);
		view.setUint32(0, row, true);
		view.setUint32(4, crc32(record.subarray(8)), true);
		try {
			this.#file.write(this.#end, record);
		} catch (error) {
			if (!isFull(error)) throw error;
			this.#full = true;
			this.#file.truncate(0);
			this.#places.clear();
			return;
		}
		this.#places.set(row, this.#end);
		this.#end += record.length;
		if (++this.#unflushed < FLUSH) return;
		this.#unflushed = 0;
		this.#file.flush();
	}

	close(): void {
		this.#file.close();
	}
}

type Part = 'plan' | 'rows' | 'sketches';

const path = (adapter: string, part: Part) => `${DIRECTORY}/${adapter}.${part}`;
const recordBytes = (width: number) => 8 + 4 * width;
const isFull = (error: unknown) => error instanceof OpenLedgerError && error.code === 'storage/full';

function builtElsewhere(): OpenLedgerError {
	return new OpenLedgerError('engine/busy', 'This index is being built in another tab.', {
		remedy: 'Wait until it is done there, or pause it there first.'
	});
}
