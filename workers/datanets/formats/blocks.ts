/** What a document is made of, in order. Level 1 is the title of the whole. */
export type Block = { heading: string; level: number } | { text: string };

export interface PassageText {
	/** Headings above it, outermost first, joined by ` › `. */
	title: string;
	text: string;
}

export interface CutOptions {
	/** Paragraphs under one heading are joined up to this many characters. */
	target: number;
}

export const DEFAULT_CUT: CutOptions = { target: 1_200 };

/**
 * Cuts a document into passages at headings and, within them, between paragraphs. A paragraph longer than twice the
 * target is cut between sentences.
 */
export function* cutPassages(
	blocks: Iterable<Block>,
	{ target }: CutOptions = DEFAULT_CUT
): Generator<PassageText> {
	const headings: string[] = [];
	let text = '';
	const flush = function* (): Generator<PassageText> {
		if (text !== '') yield { title: headings.filter(Boolean).join(' › '), text };
		text = '';
	};
	for (const block of blocks) {
		if ('heading' in block) {
			yield* flush();
			headings.length = Math.min(headings.length, block.level - 1);
			while (headings.length < block.level - 1) headings.push('');
			headings.push(block.heading.replace(/\s+/g, ' ').trim());
			continue;
		}
		for (const part of partsOf(block.text.trim(), target)) {
			if (text !== '' && text.length + part.length > target) yield* flush();
			text = text === '' ? part : `${text}\n\n${part}`;
		}
	}
	yield* flush();
}

function* partsOf(paragraph: string, target: number): Generator<string> {
	if (paragraph.length <= 2 * target) {
		if (paragraph !== '') yield paragraph;
		return;
	}
	let part = '';
	for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'sentence' }).segment(paragraph)) {
		if (part !== '' && part.length + segment.length > target) {
			yield part.trim();
			part = '';
		}
		part += segment;
		// A "sentence" without end, as in encoded data, is cut where it stands.
		while (part.length > 2 * target) {
			yield part.slice(0, target).toWellFormed();
			part = part.slice(target);
		}
	}
	if (part.trim() !== '') yield part.trim();
}
