import { heard } from '../i18n/words.ts';
import type { Verdict, VerifyStep } from '#workers/attribution/receipts/verify.ts';

/** What each step of a check compares, for a person. */
const STEPS: Record<VerifyStep, string> = {
	identity: 'Nothing was changed after it was written',
	rules: 'The rules are known',
	transcript: 'Question and answer are those it was written for',
	base: 'The base model is the same',
	adapter: 'The adapter is the same',
	index: 'The index of rows is the same',
	scores: 'Every row’s score, computed again',
	unattributed: 'What belongs to nobody, computed again',
	weights: 'Every share, computed again',
	lift: 'What the adapter changed, measured again',
	support: 'How far the rows speak for the answer, measured again',
	query: 'What the answer asks of the rows, measured again'
};

/** What a check can lack, and where it is to be had. */
const MISSING: Record<string, string> = {
	transcript:
		'Question and answer. Ask for the receipt with them; without, only its own consistency can be seen.',
	base: 'The base model it was made with. Load it under Models & adapters, then check again.',
	adapter: 'The adapter. Import its files under Models & adapters.',
	index: 'The adapter’s index of rows (attribution.safetensors).',
	model: 'The model, to measure the answer again.'
};

export interface VerdictWords {
	tone: 'good' | 'bad' | 'open';
	title: string;
	text: string;
	/** What held. */
	held: string[];
	missing: string[];
	/** Stated against found. */
	figures?: { stated: string; found: string };
}

/** A verdict in plain words: what held, what did not and by how much, or what is missing. */
export function verdictWords(verdict: Verdict): VerdictWords {
	switch (verdict.verdict) {
		case 'confirmed':
			return {
				tone: 'good',
				title: 'Confirmed',
				text: 'Computed again on this device from the adapter and the answer: it says what is true.',
				held: verdict.steps.map((step) => STEPS[step]),
				missing: []
			};
		case 'refuted':
			return {
				tone: 'bad',
				title: 'Refuted',
				text: `It does not hold at: ${STEPS[verdict.step].toLowerCase()}. ${heard(verdict.reason)}`,
				held: [],
				missing: [],
				...(verdict.stated !== undefined && {
					figures: { stated: verdict.stated, found: verdict.found ?? '' }
				})
			};
		case 'cannot check':
			return {
				tone: 'open',
				title: 'Cannot be checked here',
				text: 'Nothing speaks against it so far, but something is missing to compute it again.',
				held: verdict.steps.map((step) => STEPS[step]),
				missing: verdict.missing.map((what) => MISSING[what] ?? `It needs ${what}.`)
			};
	}
}
