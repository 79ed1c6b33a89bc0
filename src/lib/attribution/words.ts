import type { Receipt, Unmeasured } from '#workers/attribution/receipts/receipt.ts';
import { WHOLE } from '#workers/attribution/receipts/shares.ts';
import { locale } from '../i18n/locale.ts';
import { heard } from '../i18n/words.ts';
import { openAmount } from '../chain/amounts.ts';
import type { Share } from '../ui/ProvenanceBar.svelte';
import { decimal, plural } from '../ui/format.ts';
import type {
	AttributionRecord,
	ContributorShare,
	MeasurePhase,
	RowShare,
	SentenceInfluence
} from './records.ts';

/** What a person reads of an attribution. No jargon: the field's terms stand one level down, in the receipt. */

/** Contributors that have a part of their own in a bar; the others are one part. */
const NAMED = 6;

const short = (hex: string) => (hex.length > 12 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex);

/** A receipt's fields for a person, hashes shortened. */
export function receiptFacts(receipt: Receipt): { name: string; value: string; full?: string }[] {
	const hash = (name: string, full: string) => ({ name, value: short(full), full });
	const { tokens, lift, support, adapter, index } = receipt;
	return [
		{ name: 'Written', value: new Date(receipt.time * 1000).toLocaleString(locale) },
		{ name: 'Tokens', value: `${tokens.prompt} read, ${tokens.reply} written` },
		{ name: 'Price', value: `${openAmount(BigInt(receipt.price))} OPEN for 1,000 tokens` },
		{
			name: 'Lift of the adapter',
			value: `${decimal(lift / 1e6, 2)} nats (log-likelihood with it less without it)`
		},
		// Receipts of before it was measured have none.
		...(Number.isFinite(support)
			? [
					{
						name: 'Support of its rows',
						value: `${decimal(support / 1e6, 2)} × what they give one of their own`
					}
				]
			: []),
		{ name: 'Served by', value: receipt.host === 0 ? 'this device' : `contributor ${receipt.host}` },
		{ name: 'Rules', value: `version ${receipt.rules}` },
		hash('Receipt', receipt.id),
		hash('Base model', receipt.base),
		...(adapter ? [hash('Adapter', adapter.weights)] : []),
		...(index ? [hash('Index of rows', index.root)] : []),
		hash('Question, hidden', receipt.prompt),
		hash('Answer, hidden', receipt.reply)
	];
}

/** Below this a part is not worth a sentence: half a percent. */
const HARDLY = WHOLE / 200;

/** 12,345 of 65,535 as `19 %`, with one place below ten; what is there but hardly is said to be. */
export function percent(share: number, whole = WHOLE): string {
	if (share <= 0 || whole <= 0) return '0 %';
	const value = (100 * share) / whole;
	if (value < 0.1) return 'under 0.1 %';
	if (value < 9.95) return `${decimal(value, 1)} %`;
	// All but a little is not all.
	return `${value < 100 ? Math.min(99, Math.round(value)) : 100} %`;
}

/** Wei of a sum for a share of it, rounded down. */
export function partOf(wei: bigint, share: number): bigint {
	return (wei * BigInt(share)) / BigInt(WHOLE);
}

/** Key of a contributor's colour: the address where it is known, so that the colour is the same on every page. */
export function inkKey(
	record: Pick<AttributionRecord, 'adapter'>,
	{ id, address }: ContributorShare
): string {
	return address ?? `${record.adapter.id} ${id}`;
}

/** The bar's parts: base, contributors with the greatest share first, what belongs to nobody. Empty until it was measured. */
export function barOf(
	{ parts, contributors }: Pick<AttributionRecord, 'parts' | 'contributors'>,
	name: (contributor: ContributorShare) => string,
	ink: (contributor: ContributorShare) => number
): Share[] {
	if (!parts) return [];
	const rest = contributors.slice(NAMED);
	const others = rest.reduce((sum, { share }) => sum + share, 0);
	const part = (label: string, share: number, colour: Share['ink']): Share => ({
		label,
		share: share / WHOLE,
		ink: colour
	});
	return [
		part('The base model', parts.base, 'base'),
		...contributors.slice(0, NAMED).map((one) => part(name(one), one.share, ink(one))),
		...(rest[0] ? [part(plural(rest.length, ['other person', 'other people']), others, ink(rest[0]))] : []),
		part('Nobody in particular', parts.unattributed, 'unattributed')
	].filter(({ share }) => share > 0);
}

const PHASES: Record<MeasurePhase, string> = {
	start: 'getting the model ready',
	gradient: 'reading the answer again',
	rows: 'asking every row'
};

/** `mend`: what whoever has the answer and its adapter can do; whoever has the receipt alone cannot. */
const REASONS: Record<Unmeasured, { line: string; why: string; mend?: string }> = {
	'no-adapter': {
		line: 'The base model wrote this.',
		why: 'No adapter took part, so there are no rows that it could have come from.'
	},
	blended: {
		line: 'Could not be measured: adapters were mixed.',
		why: 'Several adapters wrote this together, or one in part. An index of rows knows one adapter as it is, not a mixture.'
	},
	'no-index': {
		line: 'Could not be measured: no index of rows.',
		why: 'This adapter came without the index that says what each of its rows taught it.',
		mend: 'Where its Datanet is on this device, its rows can be indexed under Models & adapters; this answer is measured then.'
	},
	'wrong-index': {
		line: 'Could not be measured: the index is another’s.',
		why: 'The index of rows that came with this adapter was made for other weights, so nothing it says would be true of this answer.'
	},
	'empty-reply': {
		line: 'There was nothing to measure.',
		why: 'The answer has no words that could have come from anywhere.'
	},
	'too-long': {
		line: 'Could not be measured: too long.',
		why: 'Question and answer together are longer than the model can read at once, and it has to read them again to be measured.'
	},
	failed: {
		line: 'Could not be measured.',
		why: 'Something went wrong while the answer was read again. Nothing is guessed in its place.'
	}
};

/** By fixed shares, not by what was found. */
const OWED = 'Whatever is owed for it goes to everyone who gave rows, by fixed shares.';

/** Of a receipt without a measurement: that it has none, and why. */
export function unmeasuredWords(reason: Unmeasured): { line: string; why: string } {
	const { line, why } = REASONS[reason];
	return { line, why: reason === 'no-adapter' ? why : `${why} ${OWED}` };
}

/** The quiet line under a reply. */
export function lineOf(record: AttributionRecord): string {
	const { state, parts, contributors, phase, reason } = record;
	if (state === 'waiting') return 'Measured when nothing is being written.';
	if (state === 'measuring') return `Measuring: ${PHASES[phase ?? 'start']} …`;
	if (state === 'unmeasured' || !parts) return REASONS[reason ?? 'failed'].line;
	if (parts.contributors >= HARDLY)
		return `${percent(parts.contributors)} from ${plural(contributors.length, ['person', 'people'])}’s rows`;
	if (parts.base >= WHOLE / 2) return 'Nearly all of it is the base model’s own.';
	return 'The adapter shaped it, but no row stands out.';
}

/** What of an influence or a passage is whose: rows added up by contributor, the greatest first. */
export function byContributor(rows: readonly RowShare[]): { contributor: number; share: number }[] {
	const sums = new Map<number, number>();
	for (const { contributor, share } of rows) sums.set(contributor, (sums.get(contributor) ?? 0) + share);
	return [...sums]
		.map(([contributor, share]) => ({ contributor, share }))
		.sort((a, b) => b.share - a.share || a.contributor - b.contributor);
}

/** A piece of a reply to quote: emphasis, code and list marks are not words. */
export function withoutMarks(source: string): string {
	return source
		.replace(/^\s*(?:[-+*]|\d+[.)]|#+|>)\s+/gm, '')
		.replace(/[*`~]+|(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu, '')
		.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
		.replace(/\s+/g, ' ')
		.trim();
}

/** Sentences that a passage touches. */
export function sentencesIn(
	{ sentences = [] }: Pick<AttributionRecord, 'sentences'>,
	{ start, end }: { start: number; end: number }
): SentenceInfluence[] {
	return sentences.filter((one) => one.start < end && one.end > start);
}

/** The line while a person points at a passage: who moved it most. */
export function passageLine(
	record: AttributionRecord,
	passage: { start: number; end: number },
	name: (contributor: ContributorShare) => string
): string | undefined {
	const [sentence] = sentencesIn(record, passage);
	if (!sentence) return undefined;
	const people = byContributor(sentence.rows)
		.slice(0, 2)
		.map(({ contributor, share }) => {
			const known = record.contributors.find(({ id }) => id === contributor);
			return `${name(known ?? { id: contributor, share })} ${percent(share)}`;
		});
	return people.length ? `This sentence: ${people.join(', ')}` : 'This sentence: no row moved it.';
}

/** What the line means, in one or two sentences. */
export function explanationOf({
	state,
	parts,
	contributors,
	reason,
	cause,
	adapter
}: AttributionRecord): string {
	if (state === 'waiting' || state === 'measuring')
		return 'The model reads its answer once more to find out which rows moved it. Chatting goes first.';
	if (state === 'unmeasured' || !parts) {
		const { why, mend } = REASONS[reason ?? 'failed'];
		return [why, mend, cause && `The cause: ${heard(cause)}`, OWED].filter(Boolean).join(' ');
	}
	if (parts.contributors >= HARDLY)
		return `Rows by ${plural(contributors.length, ['person', 'people'])} moved “${adapter.name}” to say this. Measured on the model itself, for this answer alone.`;
	if (parts.base >= WHOLE / 2)
		return `Without “${adapter.name}” the base model would have said nearly the same, so nobody’s rows are credited with it.`;
	return `“${adapter.name}” made this answer likelier, but its rows say little like it. What nobody can be shown to have caused is credited to nobody.`;
}
