/**
 * Byte-level byte-pair encoding written as plainly as the algorithm is described (Sennrich et al. 2016; bytes as in
 * GPT-2's encoder.py), for tests only: independent of the library that the app uses.
 */
export class ReferenceBpe {
	readonly #ids: Map<string, number>;
	readonly #ranks: Map<string, number>;
	readonly #pattern: RegExp;

	/** @param merges text of merges.txt @param pattern splits a text into words */
	constructor(vocabulary: Record<string, number>, merges: string, pattern: string) {
		const lines = merges.split('\n').filter((line) => line !== '' && !line.startsWith('#version'));
		this.#ids = new Map(Object.entries(vocabulary));
		this.#ranks = new Map(lines.map((line, rank) => [line, rank]));
		this.#pattern = new RegExp(pattern, 'gu');
	}

	encode(text: string): number[] {
		return [...text.matchAll(this.#pattern)].flatMap(([word]) => this.#encodeWord(word));
	}

	#encodeWord(word: string): number[] {
		const parts = [...new TextEncoder().encode(word)].map((byte) =>
			String.fromCodePoint(codePoints[byte] ?? 0)
		);
		for (;;) {
			let best = { rank: Infinity, at: -1 };
			for (let at = 0; at + 1 < parts.length; at++) {
				const rank = this.#ranks.get(`${parts[at]} ${parts[at + 1]}`) ?? Infinity;
				if (rank < best.rank) best = { rank, at };
			}
			if (best.at < 0) break;
			parts.splice(best.at, 2, `${parts[best.at]}${parts[best.at + 1]}`);
		}
		return parts.map((part) => {
			const id = this.#ids.get(part);
			if (id === undefined) throw new Error(`no token ${part}`);
			return id;
		});
	}
}

/** Every byte has a visible character: itself, or one from 256 on. */
const codePoints = (() => {
	const isVisible = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
	let next = 256;
	return Array.from({ length: 256 }, (_, byte) => (isVisible(byte) ? byte : next++));
})();
