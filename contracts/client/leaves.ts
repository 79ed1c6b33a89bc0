import { bytesToHex, hexToBytes, type Hex } from 'viem';

/** One contributor's weight in a batch; id 0 is the unattributed part. */
export interface Weight {
	id: number;
	/** 0 to 65,535. */
	weight: number;
}

/** Most steps in one batch (Settlement.MAX_LEAVES). */
const MAX_STEPS = 8192;

/**
 * Packs weights into leaves: three-byte steps (uint8 advance, uint16 value) over positions id + 1; advance 0 moves on by
 * 256 * value (contracts/src/libraries/Leaves.sol). Ids must ascend strictly.
 */
export function encodeLeaves(weights: readonly Weight[]): Hex {
	const bytes: number[] = [];
	let cursor = 0;
	for (const { id, weight } of weights) {
		if (!Number.isInteger(weight) || weight < 0 || weight > 65_535) throw new RangeError(`no weight: ${weight}`);
		let gap = id + 1 - cursor;
		if (!Number.isInteger(id) || id < 0 || gap <= 0) throw new RangeError(`ids must ascend: ${id}`);
		while (gap > 255) {
			const skip = Math.min(Math.floor((gap - 1) / 256), 65_535);
			if (skip > 0) bytes.push(0, skip >> 8, skip & 255);
			// A gap of exactly 256 is no whole skip and an advance: a step that weighs nothing comes between.
			else bytes.push(255, 0, 0);
			gap -= skip > 0 ? skip * 256 : 255;
		}
		bytes.push(gap, weight >> 8, weight & 255);
		cursor = id + 1;
	}
	if (bytes.length > MAX_STEPS * 3) throw new RangeError(`${bytes.length / 3} steps are more than one batch holds`);
	return bytesToHex(Uint8Array.from(bytes));
}

/** Reads leaves as the contract does, without steps that weigh nothing. Whole steps always have a meaning; anything else is an error. */
export function decodeLeaves(leaves: Hex | Uint8Array): Weight[] {
	const bytes = typeof leaves === 'string' ? hexToBytes(leaves) : leaves;
	if (bytes.length % 3 !== 0) throw new RangeError(`${bytes.length} bytes are no whole steps`);
	const weights: Weight[] = [];
	let cursor = 0;
	for (let i = 0; i < bytes.length; i += 3) {
		const advance = bytes[i] ?? 0;
		const value = (bytes[i + 1] ?? 0) * 256 + (bytes[i + 2] ?? 0);
		if (advance === 0) cursor += 256 * value;
		else {
			cursor += advance;
			if (value > 0) weights.push({ id: cursor - 1, weight: value });
		}
	}
	return weights;
}
