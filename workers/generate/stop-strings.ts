/**
 * Watches streamed text for stop strings, which may begin in one piece and end in another. Text that could be the start of
 * a stop string is held back until it is known not to be.
 */
export class StopStrings {
	readonly #stops: readonly string[];
	#held = '';
	#stopped = false;

	constructor(stops: readonly string[]) {
		this.#stops = stops.filter((stop) => stop !== '');
	}

	/** What may be shown now. `stopped`: a stop string was met; it and what follows are left out, and no more is to come. */
	push(piece: string): { text: string; stopped: boolean } {
		if (this.#stopped) return { text: '', stopped: true };
		const text = this.#held + piece;
		const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
		if (found.length > 0) {
			this.#held = '';
			this.#stopped = true;
			return { text: text.slice(0, Math.min(...found)), stopped: true };
		}
		const safe = text.length - this.#longestStart(text);
		this.#held = text.slice(safe);
		return { text: text.slice(0, safe), stopped: false };
	}

	/** What was held back, when nothing follows. */
	flush(): string {
		const rest = this.#held;
		this.#held = '';
		return rest;
	}

	/** Length of the longest end of `text` with which some stop string begins. */
	#longestStart(text: string): number {
		const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
		for (let length = Math.min(longest, text.length); length > 0; length--) {
			const end = text.slice(-length);
			if (this.#stops.some((stop) => stop.startsWith(end))) return length;
		}
		return 0;
	}
}
