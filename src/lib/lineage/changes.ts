import { db as attribution } from '../attribution/db.ts';
import { db as ledger } from '../ledger/db.ts';
import { Live } from '../live.svelte.ts';

/** Changes its value whenever an answer has been measured, or a receipt or payment has changed, so that a page looks again; undefined until the first count. Call it where a component starts. */
export function changesHere(): Live<string> {
	return new Live(() => async () => {
		const { attributions } = attribution;
		const settlements = await ledger.settlements.toArray();
		return [
			await attributions.where({ state: 'measured' }).count(),
			await attributions.where({ state: 'unmeasured' }).count(),
			await ledger.receipts.count(),
			...settlements.map(({ state, batch }) => `${state} ${batch}`)
		].join();
	});
}
