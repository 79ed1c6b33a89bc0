import type { Hex } from '#workers/datanets/hash.ts';
import type { Projection } from './projection.ts';

export const INDEX_FORMAT = 'openledger-attribution/3';

/** Everything that was chosen when an index was made, so that it can be made again. Its hash stands in receipts. */
export interface IndexDescription {
	format: typeof INDEX_FORMAT;
	/** SHA-256 (hex) of the base's model file, and of the adapter's two files. */
	base: string;
	adapter: { config: string; weights: string };
	/**
	 * Shape of a gradient: output features of all adapted modules, times the directions that their inputs are looked at through: the adapter's
	 * rank and `directions` random ones.
	 */
	features: number;
	rank: number;
	directions: number;
	/** Factor of attention's modules, and of the first block's. */
	attention: number;
	firstBlock: number;
	/** Part of the adapter at which gradients were taken. */
	strength: number;
	/**
	 * Part of the adapter at which those of rows were taken once more, and gradients a row that told of its tokens one by one. Absent in
	 * indexes that were made of the base's alone: they are asked in the same way.
	 */
	halfway?: number;
	probes?: number;
	/** How much the prompt's mean loss counted beside the reply's in gradients of rows at the base, and counts in those of replies; not at all where absent. */
	promptOfRows?: number;
	promptOfReplies?: number;
	/** Count sketch. */
	seed: number;
	width: number;
	/** Bytes of a row; a multiple of 32. */
	dims: number;
	/** Bits of a number of the basis: 4, or 1 where signs alone are kept. */
	basisBits: Projection['bits'];
	/** Rows that span the basis, and rows that have credit. */
	landmarks: number;
	credited: number;
	/** Power of a row's length, over the median row's, that its scores grow by. */
	lengths: number;
	/** λ in (C + λ·1)⁻¹, where C is the sum over rows of unit length. */
	damping: number;
	/**
	 * How strongly rows speak for a row that they are asked about, on average (support.ts): what a reply's support is measured by.
	 * Absent in indexes that were made before it was measured.
	 */
	support?: number;
	/** keccak256 of the contributions' ids, joined. */
	contributions: Hex;
}

/** An adapter's attribution index: one int8 row for each contribution. */
export interface AttributionIndex {
	description: IndexDescription;
	projection: Projection;
	/** [rows, dims]; all zero where a row repeats an earlier one. */
	rows: Int8Array;
	/** Contributor id of each row, from 1 on. */
	contributors: Uint32Array;
	/** Ids of the contributions, in order. */
	ids: Hex[];
	root: Hex;
}
