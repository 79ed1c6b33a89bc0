import { db as attribution } from '../attribution/db.ts';
import type { AttributionRecord } from '../attribution/records.ts';
import { db as ledger } from '../ledger/db.ts';

/** Replies of the adapter that are looked through for those that owe something, the newest first. */
const NEWEST = 20;

/** The reply that is paid for. */
export interface GuideReply {
	id: string;
	conversation: string;
	measured: boolean;
}

/** What there is of replies that owe something: what was done with one stays done when another is asked for. */
export interface Replies {
	/** The one that got furthest; of several the newest. */
	reply?: GuideReply;
	seen: boolean;
	settled: boolean;
}

/**
 * @param seen id of the reply whose shares were looked at
 * @param since time of the first that counts
 */
export async function repliesOf(adapter: string, seen: string | undefined, since = 0): Promise<Replies> {
	const counts = (record: AttributionRecord) => record.adapter.id === adapter && record.time >= since;
	const newest = await attribution.attributions
		.orderBy('time')
		.reverse()
		.filter(counts)
		.limit(NEWEST)
		.toArray();
	const looked = seen ? await attribution.attributions.get(seen) : undefined;
	if (looked && counts(looked) && !newest.some(({ id }) => id === seen)) newest.push(looked);
	const found: (GuideReply & { settled: boolean })[] = [];
	for (const { id, conversation, state } of newest) {
		const receipt = await ledger.receipts.where({ reply: id }).first();
		if (!receipt || receipt.amount === 0n) continue;
		const paid = receipt.settlement ? await ledger.settlements.get(receipt.settlement) : undefined;
		const measured = state === 'measured' || state === 'unmeasured';
		found.push({ id, conversation, measured, settled: paid?.state === 'settled' });
	}
	const furthest =
		found.find(({ settled }) => settled) ??
		found.find(({ id }) => id === seen) ??
		found.find(({ measured }) => measured) ??
		found[0];
	return {
		reply: furthest,
		seen: found.some(({ id }) => id === seen),
		settled: furthest?.settled ?? false
	};
}
