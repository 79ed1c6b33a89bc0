import { loadWords } from '#lib/i18n/words.ts';

/** Before any page, so that no word of another language is seen first. */
export const init = loadWords;
