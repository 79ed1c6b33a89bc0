import type { AttributionIndex } from './index/attribution-index.ts';
import { replySample, type SampleGradients } from './gradients.ts';
import { checkIndexOf, hashDescription } from './index/index-file.ts';
import { AttributionQuery } from './query.ts';
import {
	makeEmptyReceipt,
	makeReceipt,
	type Receipt,
	type ReceiptFacts,
	type Transcript,
	type Unmeasured
} from './receipts/receipt.ts';
import { newSalt } from './receipts/salt.ts';
import type { MeasurePhase } from './api.ts';
import { unattributedScore } from './receipts/shares.ts';

/** A finished reply, and what computed it. */
export interface Reply extends Pick<ReceiptFacts, 'base' | 'adapter' | 'host' | 'price' | 'time'> {
	/** Token ids. */
	prompt: readonly number[];
	reply: readonly number[];
	/** ln p(reply | prompt) with the adapter, where decoding told it: half as long again to measure as all the rest. */
	logLikelihood?: number;
	/** Most tokens that the base takes. */
	contextLength: number;
}

/** What the adapter has to be asked with; absent where it is not at hand. */
export interface Instruments {
	gradients: SampleGradients;
	index: AttributionIndex;
}

interface AttributeOptions {
	/** Set where it is known beforehand that nothing can be measured. */
	unmeasured?: Unmeasured;
	onPhase?: (phase: MeasurePhase) => void;
	/** Told what went wrong where it `failed`: a receipt has no room for it. */
	onFailure?: (error: unknown) => void;
}

/**
 * Measures a reply and writes its receipt. What cannot be measured is not guessed: the receipt then says why, attributes nothing,
 * and is paid by static units.
 */
export async function attributeReply(
	{ prompt, reply, logLikelihood, contextLength, ...served }: Reply,
	instruments: Partial<Instruments>,
	{ unmeasured: known, onPhase, onFailure }: AttributeOptions = {}
): Promise<{ receipt: Receipt; transcript: Transcript }> {
	const opened = { salt: newSalt(), prompt: [...prompt], reply: [...reply] };
	const nothing = (unmeasured: Unmeasured) => makeEmptyReceipt(served, unmeasured, opened);

	const { gradients, index } = instruments;
	if (!served.adapter) return nothing('no-adapter');
	if (reply.length === 0 || prompt.length === 0) return nothing('empty-reply');
	if (prompt.length + reply.length > contextLength) return nothing('too-long');
	if (known !== undefined) return nothing(known);
	if (!gradients || !index) return nothing('no-index');
	try {
		checkIndexOf(index, { base: served.base, adapter: served.adapter });
	} catch {
		return nothing('wrong-index');
	}
	try {
		onPhase?.('gradient');
		const asked = AttributionQuery.of(index);
		const sample = replySample(prompt, reply);
		const { query, support, lift: nats } = await asked.measure(gradients, sample, logLikelihood);
		const lift = Math.round(nats * 1e6);
		if (!Number.isSafeInteger(lift)) return nothing('failed');
		const { entries, tail } = asked.evidence(query);
		const unattributed = unattributedScore(entries, tail, { lift, tokens: reply.length, support });
		const named = { root: index.root, description: hashDescription(index.description) };
		const transcript = { ...opened, query, entries };
		const facts = { ...served, index: named, unmeasured: null, lift, support, unattributed };
		return { receipt: makeReceipt(facts, transcript), transcript };
	} catch (error) {
		onFailure?.(error);
		return nothing('failed');
	}
}
