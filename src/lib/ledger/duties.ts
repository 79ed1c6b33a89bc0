import type { Address } from 'viem';
import type { LedgerSummary } from '#workers/ledger/service.ts';
import type { Drawn } from './audits.ts';

/** Something about roots and audits that this account can do now. */
export type Duty =
	/** A payment drawn for an audit is opened, or costs its penalty. */
	| { kind: 'reveal'; drawn: Drawn }
	| { kind: 'refute'; checkpoint: number; /** Seconds since the epoch. */ deadline: number }
	| { kind: 'post'; /** The newest payment it covers. */ last: number }
	| { kind: 'finalise'; checkpoint: number };

/** Posting is worth its trouble once it pays so many times its fee. */
const WORTHWHILE = 3n;

/** Gas of posting, measured (bench/results/settle.json): about 3,600 for each payment and 120,000 for the transaction. */
export function postingFee(payments: number, gasPrice: bigint): bigint {
	return BigInt(120_000 + 3_600 * payments) * gasPrice;
}

/** Payments that no root covers. */
export function waitingOf({ waiting }: Pick<LedgerSummary, 'waiting'>): number {
	return waiting.last - waiting.first + 1;
}

/**
 * What is to be done now, the most urgent first: drawn payments opened, lies refuted, own roots made final so that their bonds come back, and
 * what nobody has posted posted, where that pays and the bond is there.
 * @param free wei that the account can spend
 * @param gasPrice wei for one gas
 * @param now the chain's clock, seconds since the epoch
 */
export function dutiesOf(
	summary: Pick<LedgerSummary, 'pending' | 'ripe' | 'waiting' | 'rules'>,
	drawn: readonly Drawn[],
	{ account, free, gasPrice, now }: { account: Address; free: bigint; gasPrice: bigint; now: number }
): Duty[] {
	const { pending, ripe, waiting, rules } = summary;
	const duties: Duty[] = drawn.map((one) => ({ kind: 'reveal', drawn: one }));
	for (const { id, verdict, deadline, poster } of pending) {
		if (verdict === 'wrong' && deadline > now) duties.push({ kind: 'refute', checkpoint: id, deadline });
		const own = poster.toLowerCase() === account.toLowerCase();
		if (own && verdict === 'right' && ripe.includes(id)) duties.push({ kind: 'finalise', checkpoint: id });
	}
	const payments = waitingOf(summary);
	const pays = waiting.reward >= WORTHWHILE * postingFee(payments, gasPrice);
	if (payments > 0 && pays && rules && free >= rules.bond) duties.push({ kind: 'post', last: waiting.last });
	return duties.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

const order: Duty['kind'][] = ['reveal', 'refute', 'finalise', 'post'];
