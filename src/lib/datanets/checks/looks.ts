import type { ReviewedRow } from '#workers/attribution/api.ts';
import { decimal } from '../../ui/format.ts';

/** What one may look for in rows that a model has learnt. */
export type Look = 'fit' | 'harm' | 'use';

/** Rows of more doubt than this, in standard deviations, are looked at. */
const DOUBT = 0.5;
/** Mean loss, in nats a token, below which the base knew the words already. */
const KNOWN = 0.7;

export const LOOKS: Record<Look, { name: string; means: string; why: (row: ReviewedRow) => string }> = {
	fit: {
		name: 'Wrong answer',
		means:
			'The answer follows other rows’ questions as well as its own, or is unlike the answers to questions like it. Answers that were mixed up stand here first.',
		why: ({ mismatch, association }) =>
			(mismatch ?? 0) >= 0
				? 'fits other questions better than its own'
				: (association ?? 0) < 0
					? 'unlike the answers to questions like it'
					: 'fits its own question hardly better than others'
	},
	harm: {
		name: 'Against others',
		means:
			'Leaving the row out should make the other rows easier to learn: it says something else than they do.',
		why: ({ others }) =>
			`pulls ${decimal(Math.abs(others ?? 0), 1)} times as hard against the rest as for itself`
	},
	use: {
		name: 'Teaches little',
		means:
			'The base model knew these words already, or another row says the same. They cost training and earn nothing.',
		why: ({ self, baseLoss }) =>
			self === 0 ? 'says what an earlier row says' : `known before: ${decimal(baseLoss, 2)} nats a token`
	}
};

/** The rows that deserve that look, the most telling first. */
export function looksAt(rows: readonly ReviewedRow[], look: Look): ReviewedRow[] {
	const by = (value: (row: ReviewedRow) => number) =>
		rows.toSorted((a, b) => value(b) - value(a) || a.row - b.row);
	switch (look) {
		case 'fit':
			return by(({ doubt }) => doubt ?? -Infinity).filter(({ doubt }) => doubt !== null && doubt > DOUBT);
		case 'harm':
			return by(({ others }) => -(others ?? 0)).filter(({ others }) => (others ?? 0) < 0);
		case 'use':
			return by(({ self, baseLoss }) => (self === 0 ? Infinity : -baseLoss)).filter(
				({ self, baseLoss }) => self === 0 || baseLoss < KNOWN
			);
	}
}
