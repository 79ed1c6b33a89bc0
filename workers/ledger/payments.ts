import type { Address } from 'viem';
import type { Book, Stretch } from './book.ts';
import { rewardsOf } from './posting.ts';
import { readBetween, type Reading, type TimedBatch } from './sync.ts';

/** One settled batch with what it earned whom, to the wei: the parts add up to the amount. */
export interface Payment {
	/** Number of the batch on the chain, from 1 on. */
	batch: number;
	payer: Address;
	model: number;
	/** Contributor id of who served, 0 for the payer's own device. */
	host: number;
	/** Wei. */
	amount: bigint;
	/** Seconds since the epoch. */
	time: number;
	/** True where contributors were paid by measured weights. */
	weighted: boolean;
	/** True once a final root holds it. */
	final: boolean;
	/** Ascending in reward key. */
	rewards: { key: number; wei: bigint }[];
}

/** One batch, read again from the chain; undefined where there is none of this number. @param stretches of the book, in order */
export async function paymentOf(
	book: Book,
	stretches: readonly Stretch[],
	id: number,
	reading: Reading
): Promise<Payment | undefined> {
	const stretch = stretches.find(({ first, last }) => first <= id && id <= last);
	if (!stretch) return undefined;
	const [batch] = await readBetween({ ...stretch, first: id, last: id }, reading);
	return batch && describe(book, batch, posterOf(book, stretch));
}

/** The newest batches that paid a reward key, at most so many, and whether there are more. */
export async function paymentsTo(
	book: Book,
	stretches: readonly Stretch[],
	key: number,
	most: number,
	reading: Reading
): Promise<{ payments: Payment[]; more: boolean }> {
	const payments: Payment[] = [];
	for (const stretch of [...stretches].reverse()) {
		const poster = posterOf(book, stretch);
		if (poster !== key && !stretch.cells.some(({ keys }) => keys.includes(key))) continue;
		for (const batch of (await readBetween(stretch, reading)).reverse()) {
			const payment = describe(book, batch, poster);
			if (!payment.rewards.some((reward) => reward.key === key)) continue;
			if (payments.length === most) return { payments, more: true };
			payments.push(payment);
		}
	}
	return { payments, more: false };
}

function describe(book: Book, batch: TimedBatch, poster: number | undefined): Payment {
	const { id, payer, model, host, amount, time, leaves } = batch;
	const rewards = [...rewardsOf(book, batch, poster ?? 0)]
		.map(([key, wei]) => ({ key, wei }))
		.sort((a, b) => a.key - b.key);
	const weighted = leaves.length > 0;
	return { batch: id, payer, model, host, amount, time, weighted, final: poster !== undefined, rewards };
}

/** Whom posting a final root of these batches paid, 0 for nobody; undefined while none is final. Checkpoints cut stretches, so all share it. */
function posterOf({ state }: Book, { first, last }: Stretch): number | undefined {
	for (let at = state.finalised; at !== 0;) {
		const checkpoint = state.checkpoints.get(at);
		if (!checkpoint || checkpoint.last < first) return undefined;
		if (checkpoint.first <= first && last <= checkpoint.last) return checkpoint.posterId;
		at = checkpoint.parent;
	}
	return undefined;
}
