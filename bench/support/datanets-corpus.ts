import { seededRandom } from '#test/support/random.ts';

const TOPICS = ['joints', 'bones', 'muscles', 'vessels', 'nerves', 'skin', 'heart', 'lungs'];
const STEMS =
	'the of and a to in is bone joint muscle artery vein nerve tissue blood cell organ moves holds protects carries makes meets near front back upper lower inner outer long short flat round smooth thin thick'.split(
		' '
	);
/** Every how-manieth row is an earlier one with a few words changed. */
const NEARLY_EQUAL = 50;
const WORDS_IN_ANSWER = 78;

/**
 * Prompt/response rows as JSON Lines, about 600 bytes each, the same every time: common words and names in the proportion
 * of text, so that an index over them is as large as one over prose. One row in fifty nearly repeats an earlier one.
 */
export function corpusRow(i: number): { prompt: string; response: string; tags: string[] } {
	const original = i % NEARLY_EQUAL === NEARLY_EQUAL - 1 ? i - (NEARLY_EQUAL >> 1) : i;
	const random = seededRandom(original + 1);
	const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
	const word = () => (random() < 0.7 ? pick(STEMS) : `${pick(STEMS)}${Math.floor(random() ** 3 * 20_000)}`);
	const answer = Array.from({ length: WORDS_IN_ANSWER }, word);
	// Two words of seventy-eight in their three-word shingles: Jaccard similarity of about 0.86.
	if (original !== i) answer[20] = answer[60] = `changed${i}`;
	return {
		prompt: `What does ${pick(TOPICS)} number ${i} do beside ${word()} and ${word()}?`,
		response: `${answer.join(' ')}.`,
		tags: [pick(TOPICS)]
	};
}

export function corpusLines(rows: number): Blob {
	const parts: string[] = [];
	for (let from = 0; from < rows; from += 1_000)
		parts.push(
			Array.from(
				{ length: Math.min(1_000, rows - from) },
				(_, i) => `${JSON.stringify(corpusRow(from + i))}\n`
			).join('')
		);
	return new Blob(parts);
}
