import { keccak_256 } from '@noble/hashes/sha3.js';
import { toHex, type Hex } from '#workers/datanets/hash.ts';

const HASH = 32;

/** Hashes between two looks at whether to go on. */
const BURST = 2048;

/**
 * The Merkle tree of an index, as contracts/src/audit/Scores.sol reads it: leaf i is keccak256(uint32 contributor ‖ int8 row), zeros
 * fill the leaves up to a power of two, a node is keccak256(left ‖ right). Positions matter, so nothing is sorted. A position without
 * a contributor (id 0) counts as unused.
 */
export class IndexTree {
	/** Node hashes by level, leaves first. */
	readonly #levels: Uint8Array[];

	private constructor(levels: Uint8Array[]) {
		this.#levels = levels;
	}

	/**
	 * @param rows int8, `contributors.length` rows one after another
	 * @param goOn called now and then with the leaves done; may throw to cancel
	 */
	static async build(
		rows: Int8Array,
		contributors: Uint32Array,
		goOn: (done: number) => void | Promise<void> = () => undefined
	): Promise<IndexTree> {
		const width = contributors.length === 0 ? 0 : rows.length / contributors.length;
		let size = 1;
		while (size < contributors.length) size *= 2;
		let level = new Uint8Array(size * HASH);
		for (const [i, contributor] of contributors.entries()) {
			if (contributor !== 0)
				level.set(leafHash(contributor, rows.subarray(i * width, (i + 1) * width)), i * HASH);
			if (i % BURST === BURST - 1) await goOn(i + 1);
		}
		const levels = [level];
		while (size > 1) {
			size /= 2;
			const above = new Uint8Array(size * HASH);
			for (let i = 0; i < size; i++)
				above.set(keccak_256(level.subarray(2 * i * HASH, (2 * i + 2) * HASH)), i * HASH);
			levels.push((level = above));
		}
		return new IndexTree(levels);
	}

	get root(): Hex {
		return toHex(this.#levels.at(-1) ?? new Uint8Array(HASH));
	}

	/** Siblings of a position from the leaf up: the `path` of the audit contract's Row. */
	proof(position: number): Hex[] {
		return this.#levels.slice(0, -1).map((level, depth) => {
			const sibling = (position >>> depth) ^ 1;
			return toHex(level.subarray(sibling * HASH, (sibling + 1) * HASH));
		});
	}
}

function leafHash(contributor: number, row: Int8Array): Uint8Array {
	const bytes = new Uint8Array(4 + row.length);
	new DataView(bytes.buffer).setUint32(0, contributor);
	bytes.set(row, 4);
	return keccak_256(bytes);
}
