import { LedgerService, type ChainSource } from '#workers/ledger/service.ts';
import { BookStore } from '#workers/ledger/store.ts';

export interface Rebuilt {
	seconds: number;
	/** A second sync of the same books, with nothing new to read. */
	againSeconds: number;
	batches: number;
	/** Id of the final checkpoint. */
	finalised: number;
	/** Id of a wrong checkpoint that became final. */
	betrayed?: number;
	/** Of the checkpoints that are not final. */
	verdicts: (string | undefined)[];
}

/** What a month costs to rebuild from the chain's logs alone, and one more sync afterwards. */
async function measure(source: ChainSource): Promise<Rebuilt> {
	const service = new LedgerService(new BookStore('bench-books'));
	const start = performance.now();
	const summary = await service.sync('rebuild', source, 0);
	const rebuilt = performance.now();
	await service.sync('again', source, 0);
	return {
		seconds: (rebuilt - start) / 1000,
		againSeconds: (performance.now() - rebuilt) / 1000,
		batches: summary.batches,
		finalised: summary.finalised.id,
		betrayed: summary.betrayed,
		verdicts: summary.pending.map(({ verdict }) => verdict)
	};
}

addEventListener(
	'message',
	({ data }) => void measure(data as ChainSource).then((result) => postMessage(result))
);
