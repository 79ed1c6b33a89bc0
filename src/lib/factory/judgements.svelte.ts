import type { ReplyPair } from '#workers/train/api.ts';

export type Judgement = 'adapter' | 'tie' | 'base';

/** What a person said of base and adapter side by side, kept per run. Another reply is judged anew. */
export class Judgements {
	readonly #key: string;
	#given = $state<Record<string, Judgement>>({});

	constructor(run: string) {
		this.#key = `openledger.judgements.${run}`;
		try {
			this.#given = JSON.parse(localStorage.getItem(this.#key) ?? '{}') as Record<string, Judgement>;
		} catch {
			// Not ours, or storage is blocked: nothing was judged.
		}
	}

	of(pair: ReplyPair): Judgement | undefined {
		return this.#given[nameOf(pair)];
	}

	set(pair: ReplyPair, judgement: Judgement): void {
		this.#given[nameOf(pair)] = judgement;
		try {
			localStorage.setItem(this.#key, JSON.stringify(this.#given));
		} catch {
			// It then lasts as long as the page.
		}
	}

	get count(): number {
		return Object.keys(this.#given).length;
	}

	get wins(): number {
		return this.#times('adapter');
	}

	get ties(): number {
		return this.#times('tie');
	}

	get losses(): number {
		return this.#times('base');
	}

	#times(judgement: Judgement): number {
		return Object.values(this.#given).filter((given) => given === judgement).length;
	}
}

function nameOf({ prompt, base, adapter }: ReplyPair): string {
	return hash(JSON.stringify([prompt, base, adapter])).toString(36);
}

/** Which reply stands first: by chance, but the same whenever this is shown. */
export function isAdapterFirst(run: string, prompt: string): boolean {
	return hash(run + prompt) % 2 === 0;
}

/** FNV-1a, 32 bits: enough to tell a few dozen texts apart. */
function hash(text: string): number {
	let value = 0x811c9dc5;
	for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
	return value;
}
