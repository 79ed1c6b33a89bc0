import type { Dim } from '../types.ts';

export const MICROSOFT = 'com.microsoft';

/** Inputs of every lowered graph. Rows may be padded at the end and may hold several sequences one after another. */
export const INPUT_IDS = 'input_ids';
/** int32 [batch, sequence]: place of each token in its own sequence, from 0. */
export const POSITION_IDS = 'position_ids';
/** int32 [batch, sequence]: which sequence of the row a token belongs to; tokens of different ones do not see each other. */
export const SEGMENT_IDS = 'segment_ids';
/** int64 [3], on the CPU: batch, sequence, −1. With it no provider has to compute a shape. */
export const ROW_SHAPE = 'row_shape';

/** What `inferShapes` and `differentiate` must know of {@link ROW_SHAPE}. */
export const ROW_SHAPES: Readonly<Record<string, Dim[]>> = { [ROW_SHAPE]: ['batch', 'sequence', -1] };
export const TOKENS: readonly Dim[] = ['batch', 'sequence'];
