/** Turns token ids, at least one, into text; special tokens left out. */
export type Decode = (ids: readonly number[]) => string;

const INCOMPLETE_END = /\uFFFD+$/;
/** A UTF-8 character has at most four bytes; a byte-level token holds at least one. */
const LONGEST_CHARACTER = 4;

/**
 * Text of a growing list of tokens, piece by piece. A token may end inside a UTF-8 character: its text is held back until
 * the character is whole, so no piece ever holds half of one.
 *
 * Decodes a window that starts before the last emitted token, since some tokenizers drop a space at the start.
 */
export class IncrementalDetokeniser {
	readonly #decode: Decode;
	readonly #ids: number[] = [];
	/** Start of the window, and start of the tokens in it that are not emitted yet. */
	#context = 0;
	#pending = 0;
	/** Length of the window's text up to its incomplete end, and for how many tokens it has stayed that. */
	#wholeLength = -1;
	#stuck = 0;

	constructor(decode: Decode) {
		this.#decode = (ids) => (ids.length === 0 ? '' : decode(ids));
	}

	/** The text that this token completes; '' while a character is incomplete. */
	push(id: number): string {
		this.#ids.push(id);
		return this.#emit(false);
	}

	/** The text that would not be emitted yet or would be by `push(id)`, with U+FFFD for a character that is not whole. */
	peek(id: number): string {
		const before = this.#decode(this.#ids.slice(this.#context, this.#pending));
		return this.#decode([...this.#ids.slice(this.#context), id]).slice(before.length);
	}

	/** The rest, with U+FFFD for a character that never became whole. */
	flush(): string {
		return this.#emit(true);
	}

	#emit(final: boolean): string {
		const before = this.#decode(this.#ids.slice(this.#context, this.#pending));
		const text = this.#decode(this.#ids.slice(this.#context));
		if (!final && (text.length <= before.length || this.#incomplete(text))) return '';
		this.#context = this.#pending;
		this.#pending = this.#ids.length;
		this.#wholeLength = -1;
		return text.slice(before.length);
	}

	/** Whether the text ends inside a character that further tokens may still complete. */
	#incomplete(text: string): boolean {
		const end = text.search(INCOMPLETE_END);
		if (end < 0) return false;
		this.#stuck = end === this.#wholeLength ? this.#stuck + 1 : 1;
		this.#wholeLength = end;
		return this.#stuck < LONGEST_CHARACTER;
	}
}
