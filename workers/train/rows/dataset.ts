import { contentHash, type Content } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Tokenizer } from '#workers/models/tokenizer/tokenizer.ts';
import type { RowReport, TrainingSource } from '../api.ts';
import { encodeContent, IGNORED, type Sample } from './encode.ts';
import { rewordings } from './reword.ts';
import { holdBack } from './split.ts';

/** A contribution and the samples it became. */
export interface DatasetRow {
	id: string;
	/** Number of its source in the plan. */
	source: number;
	contentHash: Hex;
	content: Content;
	samples: Sample[];
}

/** What a run learns from and validates with. The order is that of the contributions' ids, whatever order they came in. */
export interface Dataset {
	training: DatasetRow[];
	validation: DatasetRow[];
	report: RowReport;
}

export interface DatasetOptions {
	maxLength: number;
	validationShare: number;
	seed: number;
	/** Learnt questions come in other words too. */
	reword: boolean;
}

/** Fewer rows than this are learnt by heart rather than understood. */
const FEW = 20;

/**
 * Rows as token sequences, divided into those that are learnt and those that are held back.
 *
 * @param sources every row's id should occur once; of rows with the same id the first counts
 * @throws OpenLedgerError `train/no-rows` where nothing is left to learn, with the first reason
 */
export function buildDataset(
	sources: readonly TrainingSource[],
	tokenizer: Tokenizer,
	{ maxLength, validationShare, seed, reword }: DatasetOptions
): Dataset {
	const given = new Map<string, { source: number; content: Content }>();
	sources.forEach(({ rows }, source) => {
		for (const { id, content } of rows) if (!given.has(id)) given.set(id, { source, content });
	});
	const left: RowReport['left'] = [];
	const rows: DatasetRow[] = [];
	let shortened = 0;
	for (const [id, { source, content }] of [...given].sort(([a], [b]) => (a < b ? -1 : 1))) {
		const wellFormed = mend(content);
		const encoded = encodeContent(wellFormed, tokenizer, maxLength);
		if ('refused' in encoded) left.push({ id, reason: encoded.refused });
		else {
			rows.push({
				id,
				source,
				contentHash: contentHash(wellFormed),
				content: wellFormed,
				samples: encoded.samples
			});
			if (encoded.shortened) shortened++;
		}
	}
	if (rows.length === 0) throw noRows(given.size, left[0]?.reason);

	const held = holdBack(
		rows.map((row) => row.contentHash),
		validationShare,
		seed
	);
	const training = rows.filter((_, i) => !held[i]);
	if (reword) for (const row of training) addVariants(row, tokenizer, maxLength);
	const validation = rows.filter((_, i) => held[i]);
	const distinct = new Set(rows.map((row) => row.contentHash)).size;
	const samples = training.flatMap((row) => row.samples);
	const report: RowReport = {
		training: training.length,
		validation: validation.length,
		tokens: samples.reduce((sum, { ids }) => sum + ids.length, 0),
		learntTokens: samples.reduce((sum, sample) => sum + learntTokens(sample), 0),
		longest: samples.reduce((longest, sample) => Math.max(longest, lengthOf(sample)), 0),
		repeated: rows.length - distinct,
		shortened,
		left,
		cautions: []
	};
	report.cautions = cautionsFor(report, distinct, given.size);
	return { training, validation, report };
}

/** Tokens of a sample in its longest wording. */
export function lengthOf({ ids, variants = [] }: Sample): number {
	return variants.reduce((longest, variant) => Math.max(longest, variant.ids.length), ids.length);
}

function addVariants({ content, samples }: DatasetRow, tokenizer: Tokenizer, maxLength: number): void {
	const [sample] = samples;
	if (content.kind !== 'pair' || !sample) return;
	const variants = rewordings(content.prompt).flatMap((prompt) => {
		const encoded = encodeContent({ ...content, prompt }, tokenizer, maxLength);
		return 'samples' in encoded && !encoded.shortened ? encoded.samples : [];
	});
	if (variants.length > 0) sample.variants = variants;
}

export function learntTokens({ targets }: Sample): number {
	return targets.reduce((sum, target) => sum + Number(target !== IGNORED), 0);
}

/** Lone surrogates, which broken imports leave behind, become U+FFFD. */
function mend(content: Content): Content {
	return JSON.parse(JSON.stringify(content), (_, value: unknown) =>
		typeof value === 'string' ? value.toWellFormed() : value
	) as Content;
}

function cautionsFor(report: RowReport, distinct: number, given: number): string[] {
	const { repeated, shortened, left, validation } = report;
	const rows = (count: number) => (count === 1 ? '1 row' : `${count} rows`);
	return [
		distinct === 1 && given > 1 && 'All rows are the same: the model will learn this one by heart.',
		distinct > 1 && repeated > 0 && `${rows(repeated)} repeat others, and so weigh more.`,
		distinct < FEW &&
			'There are very few rows: the model will learn them by heart rather than learn from them.',
		validation === 0 && 'No row is held back, so nothing shows when the model stops getting better.',
		shortened > 0 && `${rows(shortened)} did not fit and were shortened.`,
		left.length > 0 && `${rows(left.length)} could not be used. ${left[0]?.reason}`
	].filter((caution) => caution !== false);
}

function noRows(given: number, reason: string | undefined): OpenLedgerError {
	return given === 0
		? new OpenLedgerError('train/no-rows', 'There are no rows to learn from.', {
				remedy: 'Choose a Datanet that has rows, or paste some.'
			})
		: new OpenLedgerError('train/no-rows', `None of the ${given} rows can be learnt from. ${reason ?? ''}`, {
				remedy: 'Give each row a question and a reply, or a text, that fits the model.',
				details: { rows: given }
			});
}
