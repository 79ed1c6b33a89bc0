import type { Provider, Sampling } from '#workers/protocol.ts';
import type { Locale } from './i18n/locale.ts';

export type Theme = 'system' | 'light' | 'dark';

/** What is done about reward roots (src/lib/ledger/watch.ts). */
export type RootWatching = 'off' | 'tell' | 'act';

export interface ReplySettings extends Sampling {
	maxNewTokens: number;
	stop: string[];
	systemPrompt: string;
}

/** Sane for small models: a little randomness, the unlikely tail cut off, repetition discouraged. */
export const defaultReplySettings: ReplySettings = {
	temperature: 0.6,
	topK: 40,
	topP: 0.95,
	minP: 0.05,
	repetitionPenalty: 1.1,
	seed: undefined,
	maxNewTokens: 256,
	stop: [],
	systemPrompt: ''
};

interface Values {
	theme: Theme;
	/** Undefined: the browser's. Read before everything else (i18n/locale.ts). */
	language?: Locale;
	/** The model to start with; undefined: the bundled one. */
	model?: string;
	provider: Provider | 'auto';
	hubUrl: string;
	/** Address of the IPFS gateway that links go through; empty: none. */
	gateway: string;
	adapters: { id: string; weight: number }[];
	reply: ReplySettings;
	/** Whose instructions go before what its adapter is asked; `adapter`: id. */
	agent?: { adapter: string; name: string; instructions: string };
	/** The guided path, once it was begun (guide/steps.ts). */
	guide?: {
		open: boolean;
		/** Datanet that it is walked with. */
		datanet?: string;
		/** Reply whose shares were looked at. */
		seen?: string;
		/** When the sandbox was begun anew: replies before it were paid for in another. Milliseconds since the epoch. */
		since?: number;
	};
	/** Unset until the ledger was looked at for the first time. */
	roots?: RootWatching;
	/** Places on the provenance scale, given in order of first sight so that a colour never changes hands. */
	inks: Record<string, number>;
}

const key = 'openledger.preferences';

function read(): Values {
	const defaults: Values = {
		theme: 'system',
		provider: 'auto',
		hubUrl: '',
		gateway: '',
		adapters: [],
		reply: { ...defaultReplySettings },
		inks: {}
	};
	try {
		const stored = JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Values>;
		return { ...defaults, ...stored, reply: { ...defaults.reply, ...stored.reply } };
	} catch {
		return defaults;
	}
}

/** What a person chose, in localStorage (nothing secret), the same in every tab. */
class Preferences {
	values = $state(read());

	constructor() {
		$effect.root(() => {
			$effect(() => {
				const text = JSON.stringify(this.values);
				try {
					if (text !== localStorage.getItem(key)) localStorage.setItem(key, text);
				} catch {
					// Storage blocked or full: the choice then lasts as long as the tab.
				}
			});
		});
		// Not there while pages are made.
		globalThis.window?.addEventListener('storage', (event) => {
			if (event.key === key) this.values = read();
		});
	}

	/** Where the thing called `id` stands on the provenance scale. */
	inkOf(id: string): number {
		return this.values.inks[id] ?? 0;
	}

	/** Gives every id a place that has none yet. */
	assignInks(ids: string[]): void {
		for (const id of ids)
			if (this.values.inks[id] === undefined) this.values.inks[id] = Object.keys(this.values.inks).length;
	}
}

export const preferences = new Preferences();
