/** Most white space in a row outside strings: models that are held to JSON tend to go on with blanks for ever. */
const MOST_BLANKS = 32;

/** What may follow within a value that has begun. */
const NUMBER: Record<string, [next: RegExp, after: string][]> = {
	'-': [
		[/0/, 'zero'],
		[/[1-9]/, 'integer']
	],
	zero: [
		[/\./, 'point'],
		[/[eE]/, 'exponent']
	],
	integer: [
		[/\d/, 'integer'],
		[/\./, 'point'],
		[/[eE]/, 'exponent']
	],
	point: [[/\d/, 'fraction']],
	fraction: [
		[/\d/, 'fraction'],
		[/[eE]/, 'exponent']
	],
	exponent: [
		[/[+-]/, 'sign'],
		[/\d/, 'power']
	],
	sign: [[/\d/, 'power']],
	power: [[/\d/, 'power']]
};
/** Where a number may end. */
const WHOLE_NUMBER = new Set(['zero', 'integer', 'fraction', 'power']);

/**
 * The beginning of one JSON object (RFC 8259) without white space around it, taken in piece by piece: tells of every piece whether it can still become an object.
 * A character that is not whole yet (U+FFFD) counts as one of a string.
 */
export class JsonText {
	/** Open objects and arrays, the innermost last. */
	#open: string;
	/**
	 * What is expected: `object`, `value`, `first` (a value or `]`), `key`, `first key` (a key or `}`), `colon`, `next` (`,` or the end), `string`,
	 * `escape`, four to one hexadecimal digits `u4`…`u1`, a state of `NUMBER`, the rest of a word as `=rest`, or `end`.
	 */
	#state: string;
	/** The string that is open is a key. */
	#key: boolean;
	#blanks: number;

	constructor(from?: JsonText) {
		this.#open = from ? from.#open : '';
		this.#state = from ? from.#state : 'object';
		this.#key = from ? from.#key : false;
		this.#blanks = from ? from.#blanks : 0;
	}

	/** The object is whole; nothing may follow. */
	get whole(): boolean {
		return this.#state === 'end';
	}

	/** Whether `piece` may come next. Nothing is taken in. */
	allows(piece: string): boolean {
		return new JsonText(this).push(piece);
	}

	/** Takes `piece` in. @returns false where it cannot stand here; nothing may be asked any more then */
	push(piece: string): boolean {
		for (const character of piece) if (!this.#take(character)) return false;
		return true;
	}

	#take(character: string): boolean {
		const state = this.#state;
		if (state === 'string') return this.#inString(character);
		if (state === 'escape') {
			if (character === 'u') return this.#go('u4');
			return '"\\/bfnrt'.includes(character) && this.#go('string');
		}
		if (/^u\d$/.test(state)) {
			const left = Number(state[1]) - 1;
			return /[\da-fA-F]/.test(character) && this.#go(left > 0 ? `u${left}` : 'string');
		}
		if (state.startsWith('=')) {
			const rest = state.slice(2);
			return character === state[1] && this.#go(rest ? `=${rest}` : this.#after());
		}
		const further = NUMBER[state]?.find(([next]) => next.test(character));
		if (further) return this.#go(further[1]);
		if (state in NUMBER) {
			if (!WHOLE_NUMBER.has(state)) return false;
			this.#state = 'next';
		}
		if (/[ \t\n\r]/.test(character))
			return state !== 'object' && state !== 'end' && ++this.#blanks <= MOST_BLANKS;
		this.#blanks = 0;
		return this.#between(character);
	}

	#inString(character: string): boolean {
		if (character === '\\') return this.#go('escape');
		if (character === '"') return this.#go(this.#key ? 'colon' : this.#after());
		return character >= ' ';
	}

	/** A character outside strings, numbers, words and white space. */
	#between(character: string): boolean {
		const inObject = this.#open.endsWith('{');
		switch (this.#state) {
			case 'object':
				return character === '{' && this.#enter('{');
			case 'first key':
				if (character === '}') return this.#leave();
				return character === '"' && this.#string(true);
			case 'key':
				return character === '"' && this.#string(true);
			case 'colon':
				return character === ':' && this.#go('value');
			case 'first':
				if (character === ']') return this.#leave();
				return this.#value(character);
			case 'value':
				return this.#value(character);
			case 'next':
				if (character === ',') return this.#go(inObject ? 'key' : 'value');
				return character === (inObject ? '}' : ']') && this.#leave();
			default:
				return false;
		}
	}

	#value(character: string): boolean {
		if (character === '{' || character === '[') return this.#enter(character);
		if (character === '"') return this.#string(false);
		if (character === '-') return this.#go('-');
		if (/\d/.test(character)) return this.#go(character === '0' ? 'zero' : 'integer');
		const word = ['true', 'false', 'null'].find((known) => known[0] === character);
		return word !== undefined && this.#go(`=${word.slice(1)}`);
	}

	#string(key: boolean): true {
		this.#key = key;
		return this.#go('string');
	}

	#enter(bracket: '{' | '['): true {
		this.#open += bracket;
		return this.#go(bracket === '{' ? 'first key' : 'first');
	}

	#leave(): true {
		this.#open = this.#open.slice(0, -1);
		return this.#go(this.#after());
	}

	/** What is expected after a value. */
	#after(): string {
		return this.#open === '' ? 'end' : 'next';
	}

	#go(state: string): true {
		this.#state = state;
		return true;
	}
}
