/** Weights of one batch as they stand in the leaves, in arrays that are used again for the next batch. */
export class WeightList {
	ids = new Int32Array(1024);
	weights = new Int32Array(1024);
	length = 0;
	/** Sum of all weights, the unattributed among them: at most 8,192 × 65,535 < 2^29. */
	total = 0;

	/**
	 * Reads leaves as contracts/src/libraries/Leaves.sol does. Throws a RangeError for broken steps and for ids above
	 * `people`, which the contract refuses.
	 */
	read(bytes: Uint8Array, people: number): this {
		if (bytes.length % 3 !== 0) throw new RangeError('broken steps');
		const steps = bytes.length / 3;
		if (this.ids.length < steps) {
			this.ids = new Int32Array(steps);
			this.weights = new Int32Array(steps);
		}
		let cursor = 0;
		let length = 0;
		let total = 0;
		for (let i = 0; i < bytes.length; i += 3) {
			const advance = bytes[i] as number;
			const value = ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
			if (advance === 0) {
				cursor += 256 * value;
				continue;
			}
			cursor += advance;
			total += value;
			// Position 1 is id 0: the unattributed weight, which pays nobody.
			if (value === 0 || cursor === 1) continue;
			this.ids[length] = cursor - 1;
			this.weights[length] = value;
			length++;
		}
		if (cursor > people + 1) throw new RangeError(`no contributor ${cursor - 1}`);
		this.length = length;
		this.total = total;
		return this;
	}
}

const LIMB = 2 ** 24;
const LIMBS = 6;
/** A limb gains less than 2^24 × 2^16 from a batch; 2^53 / 2^40 batches fit, and half of them leave room for the rest. */
const BATCHES_BETWEEN_CARRIES = 4096;

/**
 * Sums of what many batches pay to many people, in wei, exactly. A BigInt for each of thirty million leaves would cost
 * minutes; here a leaf costs a few multiplications of integers below 2^53. A sum is held in six limbs of 24 bits.
 */
export class Sums {
	/** Person id → slot + 1. */
	#slots = new Int32Array(1024);
	#ids: number[] = [];
	#limbs: Float64Array[] = Array.from({ length: LIMBS }, () => new Float64Array(1024));
	#places = new Int32Array(1024);
	#batches = 0;

	/**
	 * Adds floor(weighted × wᵢ / Σw), at most `ceiling`, to each person of the list; returns the sum of what it added.
	 *
	 * floor(weighted × w / t) = q × w + floor(r × w / t) with q, r = weighted divmod t. r × w < 2^45, and its quotient by t
	 * is less than 2^16 and at least 2^-29 away from the next integer, so the rounded division never reaches it.
	 */
	add(list: WeightList, weighted: bigint, ceiling: bigint): bigint {
		if (list.total === 0 || weighted === 0n) return 0n;
		const total = BigInt(list.total);
		const quotient = weighted / total;
		const rest = Number(weighted % total);
		// The heaviest weight that the cap leaves alone: weighted × w < (ceiling + 1) × total.
		const most = ((ceiling + 1n) * total - 1n) / weighted;
		const uncapped = most > 65_535n ? 65_535 : Number(most);
		this.#place(list);
		const places = this.#places;
		const { weights, length } = list;
		const low = this.#limbs[0] as Float64Array;
		let fractions = 0;
		let plain = 0;
		let capped = 0n;
		for (let i = 0; i < length; i++) {
			const weight = weights[i] as number;
			if (weight > uncapped) {
				capped++;
				this.#addTo(places[i] as number, ceiling);
				continue;
			}
			const fraction = Math.floor((rest * weight) / list.total);
			fractions += fraction;
			plain += weight;
			const place = places[i] as number;
			low[place] = (low[place] as number) + fraction;
		}
		let left = quotient;
		for (let j = 0; left > 0n; j++, left >>= 24n) {
			const factor = Number(left & 0xff_ffffn);
			if (factor === 0) continue;
			const limb = this.#limbs[j] as Float64Array;
			for (let i = 0; i < length; i++) {
				const weight = weights[i] as number;
				const place = places[i] as number;
				if (weight <= uncapped) limb[place] = (limb[place] as number) + factor * weight;
			}
		}
		if (++this.#batches >= BATCHES_BETWEEN_CARRIES) this.#carry();
		return quotient * BigInt(plain) + BigInt(fractions) + capped * ceiling;
	}

	/** Person id → wei, ascending, without zeros. */
	*entries(): Generator<[number, bigint]> {
		this.#carry();
		const order = this.#ids.map((id, slot) => [id, slot] as const).sort(([a], [b]) => a - b);
		for (const [id, slot] of order) {
			let sum = 0n;
			for (let j = LIMBS - 1; j >= 0; j--) sum = (sum << 24n) + BigInt(this.#limbs[j]?.[slot] ?? 0);
			if (sum > 0n) yield [id, sum];
		}
	}

	#addTo(slot: number, wei: bigint): void {
		for (let j = 0; wei > 0n; j++, wei >>= 24n) {
			const limb = this.#limbs[j] as Float64Array;
			limb[slot] = (limb[slot] as number) + Number(wei & 0xff_ffffn);
		}
	}

	/** Slots of the list's people, into `#places`. */
	#place(list: WeightList): void {
		const { ids, length } = list;
		const highest = length > 0 ? (ids[length - 1] as number) : 0;
		if (highest >= this.#slots.length) {
			const wider = new Int32Array(Math.max(highest + 1, 2 * this.#slots.length));
			wider.set(this.#slots);
			this.#slots = wider;
		}
		if (this.#places.length < length) this.#places = new Int32Array(ids.length);
		for (let i = 0; i < length; i++) {
			const id = ids[i] as number;
			let slot = this.#slots[id] as number;
			if (slot === 0) {
				slot = this.#ids.push(id);
				this.#slots[id] = slot;
			}
			this.#places[i] = slot - 1;
		}
		const capacity = this.#limbs[0]?.length ?? 0;
		if (this.#ids.length > capacity)
			this.#limbs = this.#limbs.map((limb) => {
				const wider = new Float64Array(Math.max(this.#ids.length, 2 * capacity));
				wider.set(limb);
				return wider;
			});
	}

	#carry(): void {
		this.#batches = 0;
		for (let j = 0; j + 1 < LIMBS; j++) {
			const [limb, above] = [this.#limbs[j] as Float64Array, this.#limbs[j + 1] as Float64Array];
			for (let slot = 0; slot < this.#ids.length; slot++) {
				const value = limb[slot] as number;
				if (value < LIMB) continue;
				const over = Math.floor(value / LIMB);
				limb[slot] = value - over * LIMB;
				above[slot] = (above[slot] as number) + over;
			}
		}
	}
}
