import type { Hex } from '../hash.ts';
import type { Catalogue } from '../store/catalogue.ts';
import { HASH_BYTES, leafOf } from './leaf.ts';
import { hashAt, sortPacked } from './packed.ts';
import { buildTree, rootOf } from './tree.ts';

/** Leaves hashed between two looks at whether to go on. */
const STEP = 5_000;

/**
 * Leaf hashes of a Datanet's rows by slot. A leaf never changes, so after a change of a few rows only theirs are
 * hashed, and then the inner nodes: a third of the work.
 */
export class LeafCache {
	readonly #catalogue: Catalogue;
	readonly #contributorAt: (slot: number) => Hex;
	#leaves = new Uint8Array();
	#known = new Uint8Array();

	constructor(catalogue: Catalogue, contributorAt: (slot: number) => Hex) {
		this.#catalogue = catalogue;
		this.#contributorAt = contributorAt;
	}

	/** Root over rows in the given slots (workers/datanets/merkle/tree.ts); `goOn` may throw to cancel. */
	async root(
		slots: Uint32Array,
		goOn: (done: number) => void | Promise<void> = () => undefined
	): Promise<Hex> {
		const leaves = new Uint8Array(slots.length * HASH_BYTES);
		for (let i = 0; i < slots.length; i++) {
			leaves.set(this.#leaf(slots[i] ?? 0), i * HASH_BYTES);
			if (i % STEP === STEP - 1) await goOn(i + 1);
		}
		return rootOf(buildTree(sortPacked(leaves).sorted));
	}

	#leaf(slot: number): Uint8Array {
		this.#reserve(slot);
		if (this.#known[slot] !== 1) {
			this.#leaves.set(leafOf(this.#catalogue.bytesAt(slot), this.#contributorAt(slot)), slot * HASH_BYTES);
			this.#known[slot] = 1;
		}
		return hashAt(this.#leaves, slot);
	}

	#reserve(slot: number): void {
		if (slot < this.#known.length) return;
		const room = Math.ceil((slot + 1) * 1.5);
		const leaves = new Uint8Array(room * HASH_BYTES);
		leaves.set(this.#leaves);
		const known = new Uint8Array(room);
		known.set(this.#known);
		this.#leaves = leaves;
		this.#known = known;
	}
}
