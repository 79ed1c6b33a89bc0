import { bytesToHex, concatHex, keccak256, type Hex } from 'viem';

const DEPTH = 32;
const EMPTY = new Uint8Array(32);

/** keccak256 of some bytes, 32 bytes. It may not keep what it was given. */
export type Keccak = (bytes: Uint8Array) => Uint8Array;

/**
 * The reward tree: uint32 reward key → cumulative wei, depth 32, empty subtrees hash to 0 (contracts/src/libraries/RewardTree.sol).
 * Changes are hashed together when a root or a proof is asked for: a thousand changes are some ten thousand hashes, so who makes many
 * gives a quick `keccak`.
 */
export class RewardTree {
	readonly #values = new Map<number, bigint>();
	/** Per level, node index → hash; absent is empty. Level 0 holds the leaves. */
	readonly #levels = Array.from({ length: DEPTH + 1 }, () => new Map<number, Uint8Array>());
	readonly #stale = new Set<number>();
	readonly #keccak: Keccak;
	/** What is being hashed: a leaf's 20 bytes, a node's 64. */
	readonly #leaf = new Uint8Array(20);
	readonly #pair = new Uint8Array(64);

	constructor(keccak: Keccak = (bytes) => keccak256(bytes, 'bytes')) {
		this.#keccak = keccak;
	}

	get(key: number): bigint {
		return this.#values.get(key) ?? 0n;
	}

	entries(): IterableIterator<[number, bigint]> {
		return this.#values.entries();
	}

	/** Adds what batches earned: reward key → wei. */
	add(rewards: Iterable<readonly [number, bigint]>): void {
		for (const [key, wei] of rewards) {
			if (wei === 0n) continue;
			this.#values.set(key, this.get(key) + wei);
			this.#stale.add(key);
		}
	}

	root(): Hex {
		this.#hash();
		return bytesToHex(this.#node(DEPTH, 0));
	}

	/** The root as it would be with another cumulative at one key: 32 hashes. */
	rootWith(key: number, cumulative: bigint): Hex {
		this.#hash();
		let hash = this.#leafHash(key, cumulative);
		for (let level = 0, index = key; level < DEPTH; level++, index = Math.floor(index / 2)) {
			const sibling = this.#node(level, index % 2 ? index - 1 : index + 1);
			hash = index % 2 ? this.#nodeHash(sibling, hash) : this.#nodeHash(hash, sibling);
		}
		return bytesToHex(hash);
	}

	/** For Settlement.claim and refute: a uint32 map of the siblings that are not empty, then those, from the leaf up. */
	proof(key: number): Hex {
		this.#hash();
		const siblings: Uint8Array[] = [];
		let map = 0;
		for (let level = 0, index = key; level < DEPTH; level++, index = Math.floor(index / 2)) {
			const sibling = this.#node(level, index % 2 ? index - 1 : index + 1);
			if (sibling === EMPTY) continue;
			map += 2 ** level;
			siblings.push(sibling);
		}
		const bytes = new Uint8Array(4 + 32 * siblings.length);
		new DataView(bytes.buffer).setUint32(0, map);
		siblings.forEach((sibling, i) => bytes.set(sibling, 4 + 32 * i));
		return bytesToHex(bytes);
	}

	/** For Settlement.replay, before the change: hashes of the subtrees without touched keys, and the touched keys' values. */
	witness(touched: readonly number[]): Hex[] {
		this.#hash();
		const words: Hex[] = [];
		const walk = (level: number, index: number, from: number, to: number): void => {
			if (from === to) words.push(bytesToHex(this.#node(level, index)));
			else if (level === 0) words.push(`0x${this.get(index).toString(16).padStart(64, '0')}`);
			else {
				const middle = (2 * index + 1) * 2 ** (level - 1);
				let cut = from;
				while (cut < to && (touched[cut] ?? 0) < middle) cut++;
				walk(level - 1, 2 * index, from, cut);
				walk(level - 1, 2 * index + 1, cut, to);
			}
		};
		walk(DEPTH, 0, 0, touched.length);
		return words;
	}

	#leafHash(key: number, cumulative: bigint): Uint8Array {
		if (cumulative === 0n) return EMPTY;
		const view = new DataView(this.#leaf.buffer);
		view.setUint32(0, key);
		view.setBigUint64(4, cumulative >> 64n);
		view.setBigUint64(12, cumulative & 0xffff_ffff_ffff_ffffn);
		return this.#keccak(this.#leaf);
	}

	#nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
		if (left === EMPTY && right === EMPTY) return EMPTY;
		this.#pair.set(left);
		this.#pair.set(right, 32);
		return this.#keccak(this.#pair);
	}

	#node(level: number, index: number): Uint8Array {
		return this.#levels[level]?.get(index) ?? EMPTY;
	}

	#hash(): void {
		let indices = new Set<number>();
		for (const key of this.#stale) {
			this.#levels[0]?.set(key, this.#leafHash(key, this.get(key)));
			indices.add(Math.floor(key / 2));
		}
		this.#stale.clear();
		for (let level = 1; level <= DEPTH && indices.size; level++) {
			const above = new Set<number>();
			for (const index of indices) {
				this.#levels[level]?.set(index, this.#nodeHash(this.#node(level - 1, 2 * index), this.#node(level - 1, 2 * index + 1)));
				above.add(Math.floor(index / 2));
			}
			indices = above;
		}
	}
}

/**
 * Merkle proof of one step in a checkpoint: leaf i is keccak256(root before, root after, batch hash), zero-filled to a power of two
 * (contracts/src/libraries/Transitions.sol).
 */
export function transitionPath(before: Hex, roots: readonly Hex[], batches: readonly Hex[], index: number): Hex[] {
	const zero = bytesToHex(EMPTY);
	let row = roots.map((root, i) => keccak256(concatHex([i === 0 ? before : (roots[i - 1] ?? zero), root, batches[i] ?? zero])));
	const path: Hex[] = [];
	let width = 1;
	while (width < row.length) width *= 2;
	while (row.length < width) row.push(zero);
	for (let i = index; row.length > 1; i = Math.floor(i / 2)) {
		path.push(row[i % 2 ? i - 1 : i + 1] ?? zero);
		row = Array.from({ length: row.length / 2 }, (_, j) => keccak256(concatHex([row[2 * j] ?? zero, row[2 * j + 1] ?? zero])));
	}
	return path;
}
