import { OpenLedgerError } from '#workers/errors.ts';
import type { Folder, WritableFile } from './folder.ts';
import { RunningHash } from './hash.ts';
import type { WantedFile } from './item.ts';
import { decodeRecords, encodeRecords } from './record-log.ts';

/** A line of `parts/KEY.log`: up to where the part is on the disk, and the hashes at that point. */
interface Checkpoint {
	bytes: number;
	validator?: string;
	sha256: number[];
	git?: number[];
}

const checkpointBytes = 8 << 20;
const checkpointMs = 500;

/**
 * A file on its way into the store: bytes go to `parts/KEY`, and a journal beside it says how many of them a crash
 * cannot take. Opening it again goes on from there.
 */
export class BlobWriter {
	readonly key: string;
	readonly #folder: Folder;
	readonly #wanted: WantedFile;
	readonly #part: WritableFile;
	readonly #journal: WritableFile;
	readonly #sha256: RunningHash;
	readonly #git: RunningHash | undefined;
	#offset = 0;
	#saved = 0;
	#savedAt = performance.now();
	/** ETag of what is being received, to see early that the source has changed. */
	validator: string | undefined;

	private constructor(
		folder: Folder,
		key: string,
		wanted: WantedFile,
		files: WritableFile[],
		hashes: RunningHash[]
	) {
		const [part, journal] = files;
		const [sha256, git] = hashes;
		if (!part || !journal || !sha256) throw new RangeError('two files and one or two hashes');
		this.key = key;
		this.#folder = folder;
		this.#wanted = wanted;
		this.#part = part;
		this.#journal = journal;
		this.#sha256 = sha256;
		this.#git = git;
	}

	/** The caller holds the lock of `key`. */
	static async open(folder: Folder, key: string, wanted: WantedFile): Promise<BlobWriter> {
		const hashes = [await RunningHash.sha256()];
		if (wanted.gitSha1 !== undefined && wanted.size !== undefined)
			hashes.push(await RunningHash.gitBlob(wanted.size));
		const part = await folder.openToWrite(`parts/${key}`);
		try {
			const journal = await folder.openToWrite(`parts/${key}.log`);
			const writer = new BlobWriter(folder, key, wanted, [part, journal], hashes);
			writer.#resume();
			return writer;
		} catch (error) {
			part.close();
			throw error;
		}
	}

	/** Bytes received so far. */
	get offset(): number {
		return this.#offset;
	}

	/** Appends. Throws `storage/full`; what was there before stays. */
	write(bytes: Uint8Array): void {
		try {
			this.#part.write(this.#offset, bytes);
		} catch (error) {
			// What a full disk took of the piece would be in the way of a checkpoint.
			this.#part.truncate(this.#offset);
			throw error;
		}
		this.#sha256.update(bytes);
		this.#git?.update(bytes);
		this.#offset += bytes.byteLength;
		const due = performance.now() - this.#savedAt >= checkpointMs;
		if (due || this.#offset - this.#saved >= checkpointBytes) this.checkpoint();
	}

	/** Makes what has arrived survive a crash. */
	checkpoint(): void {
		this.#part.flush();
		const checkpoint: Checkpoint = {
			bytes: this.#offset,
			validator: this.validator,
			sha256: this.#sha256.save(),
			git: this.#git?.save()
		};
		this.#journal.write(this.#journal.size, encodeRecords([checkpoint]));
		this.#journal.flush();
		this.#saved = this.#offset;
		this.#savedAt = performance.now();
	}

	/** Forgets what has arrived. */
	restart(): void {
		// In this order: a saved hash must never outlive the bytes it was made of.
		this.#journal.truncate(0);
		this.#journal.flush();
		this.#part.truncate(0);
		this.#offset = this.#saved = 0;
		this.validator = undefined;
		this.#sha256.reset();
		this.#git?.reset();
	}

	/**
	 * Compares the whole file with what was wanted, closes it, and returns its name.
	 * @throws OpenLedgerError `hub/wrong-bytes`; the bytes are then forgotten and the writer can be used again.
	 */
	finish(): { sha256: string; size: number } {
		const size = this.#offset;
		if (this.#saved < size) this.checkpoint();
		const sha256 = this.#sha256.digest();
		const git = this.#git?.digest();
		const problem = this.#problem(size, sha256, git);
		if (problem) {
			this.restart();
			const { path } = this.#wanted;
			throw new OpenLedgerError(
				'hub/wrong-bytes',
				`The file ${path} did not arrive as announced: ${problem}.`,
				{
					remedy: 'Try again; if it happens again, the source or the network changes files: use another.',
					details: { path, size, sha256 }
				}
			);
		}
		this.#close();
		return { sha256, size };
	}

	/** Closes; what has arrived is kept for another time. */
	pause(): void {
		try {
			if (this.#saved < this.#offset) this.checkpoint();
		} catch {
			// Still full: an earlier checkpoint counts.
		} finally {
			this.#close();
		}
	}

	/** Closes and deletes what is left of the part. */
	async discard(): Promise<void> {
		this.#close();
		await this.#folder.remove(`parts/${this.key}.log`);
		await this.#folder.remove(`parts/${this.key}`);
	}

	#close(): void {
		this.#part.close();
		this.#journal.close();
	}

	#problem(size: number, sha256: string, git: string | undefined): string | undefined {
		const wanted = this.#wanted;
		if (wanted.size !== undefined && size !== wanted.size) return `${size} bytes instead of ${wanted.size}`;
		if (wanted.sha256 !== undefined && sha256 !== wanted.sha256) return 'its SHA-256 differs';
		if (git !== undefined && git !== wanted.gitSha1) return 'its Git hash differs';
		return undefined;
	}

	#resume(): void {
		const { records, end } = decodeRecords(this.#journal.read(0, this.#journal.size));
		this.#journal.truncate(end);
		const checkpoints = (records as Checkpoint[]).filter(({ bytes }) => bytes <= this.#part.size);
		const last = checkpoints.at(-1);
		if (!last) return this.restart();
		this.#part.truncate(last.bytes);
		this.#offset = this.#saved = last.bytes;
		this.validator = last.validator;
		const loaded = this.#sha256.load(last.sha256) && (!this.#git || (last.git && this.#git.load(last.git)));
		if (!loaded) this.#rehash();
	}

	/** The saved state is another version's: read the bytes again. */
	#rehash(): void {
		this.#sha256.reset();
		this.#git?.reset();
		for (let at = 0; at < this.#offset; at += checkpointBytes) {
			const bytes = this.#part.read(at, Math.min(checkpointBytes, this.#offset - at));
			this.#sha256.update(bytes);
			this.#git?.update(bytes);
		}
	}
}
