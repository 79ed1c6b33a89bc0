import { wordsOf, type Word } from '#workers/attribution/spans/words.ts';

/** How far ahead in the source a drawn word is looked for: a link's address and a table's rule lie between. */
const AHEAD = 60;

/**
 * For each word that is drawn the number of the same word in the source, or −1. Markdown draws its words in the order in which they
 * were written, leaves some out (addresses, names of languages) and adds few (where a link leads).
 */
export function alignWords(drawn: readonly Word[], source: readonly Word[]): Int32Array {
	const places = new Int32Array(drawn.length).fill(-1);
	let next = 0;
	for (let i = 0; i < drawn.length; i++) {
		for (let at = next; at < Math.min(source.length, next + AHEAD); at++)
			if (source[at]?.text === drawn[i]?.text && (at === next || isSame(drawn, source, i + 1, at + 1))) {
				places[i] = at;
				next = at + 1;
				break;
			}
	}
	return places;
}

/** A word that stands further on is taken for the same only where the next one agrees, or there is none. */
function isSame(drawn: readonly Word[], source: readonly Word[], i: number, at: number): boolean {
	return drawn[i] === undefined || source[at] === undefined || drawn[i].text === source[at].text;
}

/**
 * A reply as it is drawn, word by word, beside the text it was drawn from. Nothing is added to the page: whoever wants to mark words
 * gets ranges, so a hostile reply stays what the renderer made of it.
 */
export class ReplyText {
	readonly #nodes: { node: Text; start: number }[] = [];
	readonly #drawn: Word[];
	readonly #source: Word[];
	/** For each drawn word its number in the source, or −1. */
	readonly #places: Int32Array;

	constructor(root: Element, source: string) {
		const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
		let text = '';
		let block: Element | null = null;
		for (let node = walker.nextNode() as Text | null; node; node = walker.nextNode() as Text | null) {
			if (node.parentElement?.closest('figcaption, .target')) continue;
			// Words of two paragraphs are not one word, those of two spans may be.
			const around = node.parentElement?.closest('p, li, h3, h4, h5, h6, th, td, pre') ?? root;
			if (around !== block) text += '\n';
			block = around;
			this.#nodes.push({ node, start: text.length });
			text += node.data;
		}
		this.#drawn = [...wordsOf(text)];
		this.#source = [...wordsOf(source)];
		this.#places = alignWords(this.#drawn, this.#source);
	}

	/** Where the words of [start, end) of the source are drawn: one range for each run. */
	rangesOf(start: number, end: number): Range[] {
		const ranges: Range[] = [];
		let first: Word | undefined;
		let last: Word | undefined;
		const close = () => {
			const range = first && last && this.#range(first.start, last.end);
			if (range) ranges.push(range);
			first = last = undefined;
		};
		this.#drawn.forEach((word, i) => {
			const source = this.#source[this.#places[i] ?? -1];
			if (source && source.start < end && source.end > start) {
				first ??= word;
				last = word;
			} else close();
		});
		close();
		return ranges;
	}

	/** Place in the source of the word at a point of the window; undefined where there is none. */
	placeAt(x: number, y: number): number | undefined {
		const caret = caretAt(x, y);
		const at = caret && this.#offsetOf(caret.node, caret.offset);
		if (at === undefined) return undefined;
		const i = this.#drawn.findIndex(({ start, end }) => start <= at && at <= end);
		return this.#source[this.#places[i] ?? -1]?.start;
	}

	/** The part of the source whose words a range of the page covers. */
	coveredBy(range: Range): { start: number; end: number } | undefined {
		const covered = this.#drawn.flatMap((word, i) => {
			const source = this.#source[this.#places[i] ?? -1];
			const own = source && this.#range(word.start, word.end);
			return own &&
				range.compareBoundaryPoints(Range.END_TO_START, own) < 0 &&
				range.compareBoundaryPoints(Range.START_TO_END, own) > 0
				? [source]
				: [];
		});
		const [first] = covered;
		const last = covered.at(-1);
		return first && last && { start: first.start, end: last.end };
	}

	#range(start: number, end: number): Range | undefined {
		const from = this.#nodes.findLast((part) => part.start <= start);
		const to = this.#nodes.findLast((part) => part.start < end);
		if (!from || !to) return undefined;
		const range = new Range();
		try {
			range.setStart(from.node, start - from.start);
			range.setEnd(to.node, end - to.start);
		} catch {
			// The reply was drawn anew in the meantime.
			return undefined;
		}
		return range;
	}

	#offsetOf(node: Node, offset: number): number | undefined {
		const part = this.#nodes.find((one) => one.node === node);
		return part && part.start + offset;
	}
}

function caretAt(x: number, y: number): { node: Node; offset: number } | undefined {
	if ('caretPositionFromPoint' in document) {
		const found = document.caretPositionFromPoint(x, y);
		return found ? { node: found.offsetNode, offset: found.offset } : undefined;
	}
	// Safari before 26.
	const range = (document as Document).caretRangeFromPoint?.(x, y);
	return range ? { node: range.startContainer, offset: range.startOffset } : undefined;
}
