/**
 * Bounds on what comes from outside. They exist so that a hostile file costs a sentence, never the tab: each is far
 * above what a person writes and far below what a phone can hold.
 */

/** UTF-16 units of text in one contribution; longer documents are cut into passages. */
export const MAX_TEXT_LENGTH = 200_000;
/** Messages in one conversation. */
export const MAX_MESSAGES = 1_000;
export const MAX_TAGS = 32;
export const MAX_TAG_LENGTH = 64;
/** Licence text, where no SPDX id fits. */
export const MAX_LICENCE_LENGTH = 10_000;
/** Source: a citation or a URL. */
export const MAX_SOURCE_LENGTH = 2_000;
/** Rows in one Datanet, and in one bundle. */
export const MAX_ROWS = 500_000;
/** Corrections of corrections; the credit of older ancestors stays with the oldest one reached. */
export const MAX_LINEAGE_DEPTH = 64;
