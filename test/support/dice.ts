import { seededRandom } from './random.ts';

/** Random choices for a test. The seed goes into its output, so that a failure can be run again: `SEED=123 npx vitest …`. */
export class Dice {
	readonly next: () => number;

	constructor(seed = Number(globalThis.process?.env?.SEED ?? Math.floor(Math.random() * 2 ** 31))) {
		console.info(`seed ${seed}`);
		this.next = seededRandom(seed);
	}

	/** An integer in [0, below). */
	below(below: number): number {
		return Math.floor(this.next() * below);
	}

	pick<T>(items: readonly T[]): T {
		return items[this.below(items.length)] as T;
	}

	shuffle<T>(items: readonly T[]): T[] {
		const result = [...items];
		for (let i = result.length - 1; i > 0; i--) {
			const j = this.below(i + 1);
			[result[i], result[j]] = [result[j] as T, result[i] as T];
		}
		return result;
	}
}
