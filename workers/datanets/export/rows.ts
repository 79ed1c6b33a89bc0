import type { Contribution } from '../contribution.ts';
import type { Session } from '../session.ts';

/** Rows read at a time. */
const BATCH = 500;

/** Rows of the given slots in their order, in groups. `onRows` hears of each group and may throw to cancel. */
export async function* rowsIn(
	session: Session,
	slots: Uint32Array,
	onRows: (done: number) => void = () => undefined
): AsyncGenerator<Contribution[]> {
	for (let at = 0; at < slots.length; at += BATCH) {
		yield await session.rows.need(session.idsOf(slots.subarray(at, at + BATCH)));
		onRows(Math.min(slots.length, at + BATCH));
	}
}
