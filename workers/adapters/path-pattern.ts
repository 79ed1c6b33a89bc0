import { OpenLedgerError } from '#workers/errors.ts';
import { anyOf, char, repeat, where, type Budget, type Part } from './position-sets.ts';

/**
 * Regular expressions over module paths, as PEFT's configurations use them (Python's `re`), matched in polynomial time.
 *
 * Such a pattern comes from a stranger's file, and a backtracking engine (JavaScript's, as Python's) can be made to run
 * for ever by `(a+)+$`. Here each part of a pattern maps the set of positions where it may begin to the set where it may
 * end, so nothing is tried twice; `Budget` bounds what is left. Lazy and greedy quantifiers are the same, since only
 * whether a path matches is asked.
 *
 * Read: literals, `.`, classes, `\d \w \s \b` and their opposites, groups, alternation, quantifiers, anchors, lookahead.
 * Not read: back references, lookbehind, inline flags, possessive quantifiers and atomic groups.
 */
export type PathPattern = (path: string, budget: Budget) => boolean;

const MAX_PATTERN_LENGTH = 2000;
const MAX_DEPTH = 32;

type CharTest = (char: string) => boolean;

/**
 * Compiles a pattern that matches when it fits a path from its first character on (`re.match`), or with `whole` the
 * entire path (`re.fullmatch`). Throws `adapter/unsupported` for what is not read here.
 */
export function pathPattern(source: string, { whole }: { whole: boolean }): PathPattern {
	if (source.length > MAX_PATTERN_LENGTH)
		throw unsupported(source, `is longer than ${MAX_PATTERN_LENGTH} characters`);
	const part = new Parser(source).parse();
	return (path, budget) => {
		const ends = part(new Set([0]), path, budget);
		return whole ? ends.has(path.length) : ends.size > 0;
	};
}

class Parser {
	readonly #source: string;
	#at = 0;
	#depth = 0;

	constructor(source: string) {
		this.#source = source;
	}

	parse(): Part {
		const part = this.#alternation();
		if (this.#at < this.#source.length) throw this.#refuse('has a ")" too many');
		return part;
	}

	#alternation(): Part {
		if (++this.#depth > MAX_DEPTH) throw this.#refuse(`is nested more than ${MAX_DEPTH} deep`);
		const branches = [this.#sequence()];
		while (this.#take('|')) branches.push(this.#sequence());
		this.#depth--;
		return branches.length === 1 ? (branches[0] as Part) : anyOf(branches);
	}

	#sequence(): Part {
		const parts: Part[] = [];
		while (this.#at < this.#source.length && !'|)'.includes(this.#peek())) parts.push(this.#quantified());
		return (starts, text, budget) => {
			let at = new Set(starts);
			for (const part of parts) {
				if (at.size === 0) break;
				at = part(at, text, budget);
			}
			return at;
		};
	}

	#quantified(): Part {
		const part = this.#atom();
		const range = this.#quantifier();
		if (!range) return part;
		this.#take('?');
		if (this.#peek() === '+' || this.#quantifier()) throw this.#refuse('has a quantifier after a quantifier');
		return repeat(part, ...range);
	}

	/** `[least, most]`, or undefined when no quantifier comes. */
	#quantifier(): [number, number] | undefined {
		if (this.#take('*')) return [0, Infinity];
		if (this.#take('+')) return [1, Infinity];
		if (this.#take('?')) return [0, 1];
		const match = /^\{(\d{0,3})(,?)(\d{0,3})\}/.exec(this.#source.slice(this.#at));
		if (!match || (match[1] === '' && match[2] === '')) return undefined;
		this.#at += match[0].length;
		const least = Number(match[1]);
		if (match[2] === '') return [least, least];
		return [least, match[3] === '' ? Infinity : Number(match[3])];
	}

	#atom(): Part {
		const c = this.#next();
		if (c === '(') return this.#group();
		if (c === '[') return char(this.#charClass());
		if (c === '.') return char((x) => x !== '\n');
		if (c === '^') return where((at) => at === 0);
		if (c === '$') return where((at, text) => at === text.length);
		if (c === '\\') return this.#escape();
		if ('*+?'.includes(c)) throw this.#refuse('has a quantifier after nothing');
		return char((x) => x === c);
	}

	#group(): Part {
		let look: boolean | undefined;
		if (this.#take('?')) {
			if (this.#take('=')) look = true;
			else if (this.#take('!')) look = false;
			else if (!this.#take(':')) {
				const name = /^P<\w+>/.exec(this.#source.slice(this.#at));
				if (!name) throw this.#refuse('has a kind of group that is not read here');
				this.#at += name[0].length;
			}
		}
		const part = this.#alternation();
		if (!this.#take(')')) throw this.#refuse('has a "(" too many');
		if (look === undefined) return part;
		return where((at, text, budget) => part(new Set([at]), text, budget).size > 0 === look);
	}

	#escape(): Part {
		const c = this.#next();
		const test = shorthand(c);
		if (test) return char(test);
		if (c === 'b') return where((at, text) => isBoundary(text, at));
		if (c === 'B') return where((at, text) => !isBoundary(text, at));
		if (c === 'A') return where((at) => at === 0);
		if (c === 'Z') return where((at, text) => at === text.length);
		if (/[A-Za-z0-9]/.test(c)) throw this.#refuse(`has the escape \\${c}, which is not read here`);
		return char((x) => x === c);
	}

	#charClass(): CharTest {
		const negated = this.#take('^');
		const tests: CharTest[] = [];
		do {
			const from = this.#classChar();
			if (typeof from === 'function') tests.push(from);
			else if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']') {
				this.#at++;
				const to = this.#classChar();
				if (typeof to === 'function' || to < from) throw this.#refuse('has a range that makes no sense');
				tests.push((x) => x >= from && x <= to);
			} else tests.push((x) => x === from);
		} while (!this.#take(']'));
		return (x) => tests.some((test) => test(x)) !== negated;
	}

	#classChar(): string | CharTest {
		const c = this.#next();
		if (c !== '\\') return c;
		const escaped = this.#next();
		const test = shorthand(escaped);
		if (!test && /[A-Za-z0-9]/.test(escaped))
			throw this.#refuse(`has the escape \\${escaped}, which is not read here`);
		return test ?? escaped;
	}

	#peek(): string {
		return this.#source[this.#at] ?? '';
	}

	#take(c: string): boolean {
		if (this.#peek() !== c) return false;
		this.#at++;
		return true;
	}

	#next(): string {
		if (this.#at >= this.#source.length) throw this.#refuse('ends too early');
		return this.#source[this.#at++] as string;
	}

	#refuse(reason: string): OpenLedgerError {
		return unsupported(this.#source, reason);
	}
}

function shorthand(c: string): CharTest | undefined {
	const set = { d: /\d/, D: /\D/, w: /\w/, W: /\W/, s: /\s/, S: /\S/ }[c];
	return set && ((x) => set.test(x));
}

function isBoundary(text: string, at: number): boolean {
	const isWord = (i: number) => /\w/.test(text[i] ?? '');
	return isWord(at - 1) !== isWord(at);
}

function unsupported(source: string, reason: string): OpenLedgerError {
	const quoted = JSON.stringify(source.slice(0, 120));
	return new OpenLedgerError('adapter/unsupported', `The module pattern ${quoted} ${reason}.`, {
		remedy: 'Save the adapter again with its target modules as a list of names.'
	});
}
