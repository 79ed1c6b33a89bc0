import { existsSync, readFileSync } from 'node:fs';
import { contentHash } from '#workers/datanets/contribution.ts';
import type { TrainingRow } from '#workers/train/api.ts';
import { holdBack } from '#workers/train/rows/split.ts';
import type { AnatomyInput, AnatomyResult } from '../train-anatomy.worker.ts';
import { runInBrowser } from './in-browser.ts';

const GLOSSARY = new URL('../../../shared/data/glossaries/anatomy.jsonl', import.meta.url);
const ROWS = 300;

/** None of these wordings is among those that the trainer uses (workers/train/rows/reword.ts). */
const FORMS: ((term: string) => string)[] = [
	(term) => `Can you tell me what ${term} is?`,
	(term) => `What is meant by ${term}?`,
	(term) => `Give the definition of ${term}.`,
	(term) => `What is your definition of ${term}?`
];

/** Words that say nothing of a row's subject. */
const COMMON = new Set(
	'also along another because been being between called during each from have into located made more most much other part same some such than that their them then there these they this those through used which when where while with within'.split(
		' '
	)
);
/** Key words of a row: so many of its rarest. */
const KEYS = 3;

/**
 * Trains one quick preset on the glossary's first rows in Chromium. Of one adapter, the last weights: `heldout_loss_drop`, share by
 * which the loss of the held-back rows is below the base's (`…_best`: for the weights best at them); `keyword_hit`, share of the trained
 * rows whose question, in other words, is answered with all of the row's key words (its three rarest words of four letters or
 * more that its question does not have; `…_most`: with two of them).
 */
export async function trainAnatomy() {
	if (!existsSync(GLOSSARY)) throw new Error('This benchmark needs ../shared/data/glossaries/anatomy.jsonl.');
	const glossary = readFileSync(GLOSSARY, 'utf8')
		.trim()
		.split('\n')
		.slice(0, ROWS)
		.map((line) => JSON.parse(line) as { prompt: string; response: string; term: string });
	const rows = glossary.map(({ prompt, response }, i): TrainingRow => ({
		id: `row-${String(i).padStart(4, '0')}`,
		content: { kind: 'pair', prompt, response }
	}));
	const questions = glossary.map(({ term }, i) => (FORMS[i % FORMS.length] as (typeof FORMS)[number])(term));
	const input: AnatomyInput = { rows, questions, seed: 0 };
	const result = await runInBrowser<AnatomyResult>('bench/train-anatomy.worker.ts', input, {
		isolated: true
	});

	const held = holdBack(
		rows.map(({ content }) => contentHash(content)),
		result.validationShare,
		input.seed
	);
	const frequency = new Map<string, number>();
	for (const { response } of glossary)
		for (const word of new Set(words(response))) frequency.set(word, (frequency.get(word) ?? 0) + 1);
	const hits = glossary.flatMap(({ prompt, response }, i) => {
		const asked = new Set(words(prompt));
		const keys = [...new Set(words(response))]
			.filter((word) => !asked.has(word))
			.sort((a, b) => (frequency.get(a) ?? 0) - (frequency.get(b) ?? 0) || (a < b ? -1 : 1))
			.slice(0, KEYS);
		if (keys.length === 0 || held[i]) return [];
		const said = new Set(words(result.replies[i] ?? ''));
		return [keys.filter((key) => said.has(key)).length / keys.length];
	});
	return {
		heldout_loss_drop: 1 - result.lastLoss / result.baseLoss,
		heldout_loss_drop_best: 1 - result.bestLoss / result.baseLoss,
		keyword_hit: hits.filter((share) => share === 1).length / hits.length,
		keyword_hit_most: hits.filter((share) => share > 0.5).length / hits.length,
		wall_s: result.seconds,
		training_s: result.trainingSeconds,
		estimate_over_training: result.estimate.seconds / result.trainingSeconds,
		tokens_per_second: result.estimate.tokensPerSecond
	};
}

function words(text: string): string[] {
	return (text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? []).filter((word) => !COMMON.has(word));
}
