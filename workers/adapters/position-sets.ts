import { OpenLedgerError } from '#workers/errors.ts';

/** A part of a pattern: maps the positions in the text where it may begin to those where it may end. */
export type Part = (starts: ReadonlySet<number>, text: string, budget: Budget) => Set<number>;

/** Steps left for all the matches that share it. */
export interface Budget {
	steps: number;
}

/** One character that passes the test. */
export function char(test: (char: string) => boolean): Part {
	return (starts, text, budget) => {
		spend(budget, starts.size);
		const ends = new Set<number>();
		for (const at of starts) if (at < text.length && test(text[at] as string)) ends.add(at + 1);
		return ends;
	};
}

/** Nothing, at the positions that pass the test. */
export function where(test: (at: number, text: string, budget: Budget) => boolean): Part {
	return (starts, text, budget) => {
		spend(budget, starts.size);
		const ends = new Set<number>();
		for (const at of starts) if (test(at, text, budget)) ends.add(at);
		return ends;
	};
}

/** Any of the branches. */
export function anyOf(branches: Part[]): Part {
	return (starts, text, budget) => {
		const ends = new Set<number>();
		for (const branch of branches) for (const at of branch(starts, text, budget)) ends.add(at);
		return ends;
	};
}

/** The part `least` to `most` times. Only positions not reached before go on, so it ends. */
export function repeat(part: Part, least: number, most: number): Part {
	return (starts, text, budget) => {
		let front = new Set(starts);
		for (let i = 0; i < least && front.size > 0; i++) {
			spend(budget, 1);
			front = part(front, text, budget);
		}
		const ends = new Set(front);
		for (let i = least; i < most && front.size > 0; i++) {
			spend(budget, 1);
			front = part(front, text, budget).difference(ends);
			for (const at of front) ends.add(at);
		}
		return ends;
	};
}

function spend(budget: Budget, steps: number): void {
	budget.steps -= steps;
	if (budget.steps < 0)
		throw new OpenLedgerError(
			'adapter/unsupported',
			'The module patterns of this adapter take too long to match.',
			{
				remedy: 'Save the adapter again with its target modules as a list of names.'
			}
		);
}
