import { eld } from 'eld/extrasmall';
import { textOf, type Contribution } from '../contribution.ts';

/** Characters that are looked at: more make it slower, not surer. */
const SAMPLE = 240;
/** Fewer letters than this say nothing. */
const LEAST = 24;

/** ISO 639-1 code of the language a row is written in; empty where it cannot be told. */
export function languageOf(row: Contribution): string {
	const text = textOf(row.content);
	// The end of a row is its answer: questions may quote another language.
	const sample = text.slice(-SAMPLE);
	if ((sample.match(/\p{L}/gu)?.length ?? 0) < LEAST) return '';
	const result = eld.detect(sample);
	return result.isReliable() ? result.language : '';
}
