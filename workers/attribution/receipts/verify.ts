import type { AttributionIndex } from '../index/attribution-index.ts';
import { hashDescription } from '../index/index-file.ts';
import { replySample, type SampleGradients } from '../gradients.ts';
import { AttributionQuery } from '../query.ts';
import { hashEntries, hashQuery, hashTokens, receiptId, type Receipt, type Transcript } from './receipt.ts';
import { RULES, sharesOf, unattributedScore, type Entry } from './shares.ts';

/**
 * How far a query vector may be from one computed on another device, as 1 − cosine; a lift, in nats a token; a support, as a part of
 * itself. Ten times and more what wasm, Node's CPU kernels, and packed and unpacked weights were ever apart on 90 replies: 2 · 10⁻⁶,
 * 3 · 10⁻⁶ and 6 · 10⁻⁴ (docs/attribution.md).
 */
export const TOLERANCE = { query: 1e-4, liftPerToken: 1e-4, support: 0.005 };

/** What there is to check with. Whatever is missing is said, not guessed. */
export interface Evidence {
	/** SHA-256 (hex) of the base's file and the adapter's two files, as found here. */
	base?: string;
	adapter?: { config: string; weights: string };
	/** Read and checked (`readIndex`). */
	index?: AttributionIndex;
	/** The gradients of this adapter over this base. */
	gradients?: SampleGradients;
}

/** One step of the check, in the order in which they are made. */
export type VerifyStep =
	| 'identity'
	| 'rules'
	| 'transcript'
	| 'base'
	| 'adapter'
	| 'index'
	| 'scores'
	| 'unattributed'
	| 'weights'
	| 'lift'
	| 'support'
	| 'query';

export type Verdict =
	| { verdict: 'confirmed'; steps: VerifyStep[] }
	/** `found` against `stated`: by how much. */
	| { verdict: 'refuted'; step: VerifyStep; reason: string; stated?: string; found?: string }
	| { verdict: 'cannot check'; missing: string[]; steps: VerifyStep[] };

/** A refutation on its way out. */
class Refuted extends Error {
	readonly result: Extract<Verdict, { verdict: 'refuted' }>;
	constructor(step: VerifyStep, reason: string, stated?: unknown, found?: unknown) {
		super(reason);
		this.result = {
			verdict: 'refuted',
			step,
			reason,
			...(stated === undefined ? {} : { stated: String(stated), found: String(found) })
		};
	}
}

/**
 * Computes a receipt anew. Scores, shares and hashes exactly; the query vector and the lift, which need the model, within
 * TOLERANCE. Refuted at the first step that does not hold; where something is missing, whatever else can be checked is checked first.
 */
export async function verify(
	receipt: Receipt,
	transcript: Transcript | undefined,
	evidence: Evidence
): Promise<Verdict> {
	const steps: VerifyStep[] = [];
	const missing: string[] = [];
	try {
		checkIdentity(receipt);
		steps.push('identity');
		if (receipt.rules !== RULES)
			return { verdict: 'cannot check', missing: [`rules, version ${receipt.rules}`], steps };
		steps.push('rules');
		checkFiles(receipt, evidence, steps, missing);
		if (!transcript) {
			missing.push('transcript');
			return { verdict: 'cannot check', missing, steps };
		}
		checkTranscript(receipt, transcript);
		steps.push('transcript');
		if (receipt.unmeasured === null) await checkMeasured(receipt, transcript, evidence, steps, missing);
		else checkNothing(receipt, transcript);
		checkWeights(receipt, transcript.entries);
		steps.push('weights');
	} catch (error) {
		if (error instanceof Refuted) return error.result;
		throw error;
	}
	return missing.length > 0 ? { verdict: 'cannot check', missing, steps } : { verdict: 'confirmed', steps };
}

function checkIdentity(receipt: Receipt): void {
	const found = receiptId(receipt);
	if (found !== receipt.id)
		throw new Refuted('identity', 'A field was changed after the receipt was written.', receipt.id, found);
}

function checkFiles(
	receipt: Receipt,
	{ base, adapter, index }: Evidence,
	steps: VerifyStep[],
	missing: string[]
): void {
	const same = (step: 'base' | 'adapter' | 'index', stated: string, found: string | undefined) => {
		if (found === undefined) missing.push(step);
		else if (stated !== found) throw new Refuted(step, `It was made with another ${step}.`, stated, found);
		else steps.push(step);
	};
	same('base', receipt.base, base);
	if (receipt.adapter) {
		const join = (files?: { config: string; weights: string }) => files && `${files.config} ${files.weights}`;
		same('adapter', join(receipt.adapter) ?? '', join(adapter));
	}
	if (receipt.index) {
		const found = index && `${index.root} ${hashDescription(index.description)}`;
		same('index', `${receipt.index.root} ${receipt.index.description}`, found);
	}
}

function checkTranscript(receipt: Receipt, { salt, prompt, reply, query, entries }: Transcript): void {
	const opened = {
		prompt: hashTokens(salt, 'prompt', prompt),
		reply: hashTokens(salt, 'reply', reply),
		query: hashQuery(query),
		entries: hashEntries(entries)
	};
	for (const [field, found] of Object.entries(opened)) {
		const stated = receipt[field as keyof typeof opened];
		if (stated !== found)
			throw new Refuted('transcript', `Its ${field} is not the one of the transcript.`, stated, found);
	}
	const { tokens } = receipt;
	if (tokens.prompt !== prompt.length || tokens.reply !== reply.length)
		throw new Refuted(
			'transcript',
			'It counts other tokens than the transcript has.',
			`${tokens.prompt} + ${tokens.reply}`,
			`${prompt.length} + ${reply.length}`
		);
}

/** A receipt that says nothing was measured must attribute nothing. */
function checkNothing({ unattributed, lift, support }: Receipt, { entries, query }: Transcript): void {
	if (
		entries.length > 0 ||
		query.some((value) => value !== 0) ||
		lift !== 0 ||
		support !== 0 ||
		unattributed === 0
	)
		throw new Refuted('scores', 'It attributes something though it says that nothing was measured.');
}

async function checkMeasured(
	receipt: Receipt,
	{ prompt, reply, query, entries }: Transcript,
	{ index, gradients }: Evidence,
	steps: VerifyStep[],
	missing: string[]
): Promise<void> {
	if (!index) return;
	if (query.length !== index.projection.dims)
		throw new Refuted(
			'scores',
			'Its query vector has another length than the rows.',
			query.length,
			index.projection.dims
		);
	const asked = new AttributionQuery(index);
	const found = asked.evidence(query);
	if (hashEntries(found.entries) !== hashEntries(entries))
		throw new Refuted(
			'scores',
			'Its rows or scores are not what query and index give.',
			...firstDifference(entries, found.entries)
		);
	steps.push('scores');
	const { lift, support } = receipt;
	const rest = unattributedScore(entries, found.tail, { lift, tokens: reply.length, support });
	if (rest !== receipt.unattributed)
		throw new Refuted(
			'unattributed',
			'What belongs to nobody does not follow from scores, lift and support.',
			receipt.unattributed,
			rest
		);
	steps.push('unattributed');
	if (!gradients) {
		missing.push('model');
		return;
	}
	const {
		query: vector,
		lift: nats,
		support: measured
	} = await asked.measure(gradients, replySample(prompt, reply));
	const liftApart = Math.abs(nats - receipt.lift / 1e6) / Math.max(1, reply.length);
	if (!(liftApart <= TOLERANCE.liftPerToken))
		throw new Refuted('lift', 'The model gives another lift.', receipt.lift / 1e6, nats);
	steps.push('lift');
	if (!(Math.abs(measured - support) <= Math.max(1, TOLERANCE.support * Math.max(measured, support))))
		throw new Refuted('support', 'The rows speak for it more or less than it says.', support, measured);
	steps.push('support');
	const apart = 1 - cosine(vector, query);
	if (!(apart <= TOLERANCE.query))
		throw new Refuted(
			'query',
			'The model gives another query vector.',
			'0',
			`${apart} apart (1 − cosine), ${TOLERANCE.query} allowed`
		);
	steps.push('query');
}

function checkWeights({ weights, unattributed }: Receipt, entries: readonly Entry[]): void {
	const show = (list: Receipt['weights']) => list.map(({ id, weight }) => `${id}: ${weight}`).join(', ');
	const found = show(sharesOf(entries, unattributed));
	if (show(weights) !== found)
		throw new Refuted('weights', 'Its weights do not follow from its scores.', show(weights), found);
}

function firstDifference(stated: readonly Entry[], found: readonly Entry[]): [string, string] {
	const show = (entry?: Entry) =>
		entry ? `row ${entry.row}, contributor ${entry.contributor}, score ${entry.score}` : 'no entry';
	const at = [...stated, ...found].findIndex((_, i) => show(stated[i]) !== show(found[i]));
	return [show(stated[at]), show(found[at])];
}

/** Of two int8 vectors; 1 where both are zero, 0 where one is. */
export function cosine(a: Int8Array, b: Int8Array): number {
	let [ab, aa, bb] = [0, 0, 0];
	for (let i = 0; i < a.length; i++) {
		const [x, y] = [a[i] ?? 0, b[i] ?? 0];
		ab += x * y;
		aa += x * x;
		bb += y * y;
	}
	if (aa === 0 && bb === 0) return 1;
	return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}
