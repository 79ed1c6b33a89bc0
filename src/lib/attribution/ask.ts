import { formatReceipt } from '#workers/attribution/receipts/receipt-file.ts';
import type { Verdict } from '#workers/attribution/receipts/verify.ts';
import { db, updateRecord } from './db.ts';
import { measurer, requestOf } from './measurer.ts';
import type { AttributionRecord, ReplySpan, SentenceInfluence } from './records.ts';

/** What a person asks about one reply. All of it waits while a reply is being written; errors are OpenLedgerErrors. */

/** Searches under way, so that whoever asks meanwhile waits for the same. */
const underWay = new Map<string, Promise<unknown>>();

function once<T>(key: string, work: () => Promise<T>): Promise<T> {
	const running = underWay.get(key) as Promise<T> | undefined;
	if (running) return running;
	const started = work().finally(() => underWay.delete(key));
	underWay.set(key, started);
	return started;
}

/** Which rows moved each sentence: found once, then kept in the record. */
export function findSentences(id: string): Promise<SentenceInfluence[]> {
	return once(`sentences ${id}`, async () => {
		const record = await measured(id);
		if (record.sentences) return record.sentences;
		const sentences = await influence(record, sentencesOf(record.text, record.from));
		await updateRecord(id, { sentences });
		return sentences;
	});
}

/** Which rows moved a part of the reply's text. */
export async function findInfluence(id: string, start: number, end: number): Promise<SentenceInfluence> {
	const record = await measured(id);
	// What an earlier run wrote was measured with that run.
	const from = Math.max(start, record.from);
	const [found] = from < end ? await influence(record, [[from, end]]) : [];
	return { rows: found?.rows ?? [], start, end };
}

/** Words that stand verbatim in the adapter's rows: found once, then kept in the record. */
export function findSpans(id: string): Promise<ReplySpan[]> {
	return once(`spans ${id}`, async () => {
		const record = await measured(id);
		if (record.spans) return record.spans;
		const spans = await measurer.worker.call((api) => api.spans(record.adapter.id, record.text));
		await updateRecord(id, { spans });
		return spans;
	});
}

/** Computes the reply's receipt anew on this device. */
export async function verifyReply(id: string): Promise<Verdict> {
	const { receipt, transcript, model, adapter } = await measured(id);
	return measurer.worker.call<Verdict>((api) =>
		api.verify(receipt, transcript, { model: model.id, adapter: adapter.id })
	);
}

/** A receipt to hand on. With the transcript it tells what was asked and answered; without, others can check less. */
export function receiptFile(
	{ receipt, transcript }: AttributionRecord,
	withTranscript: boolean
): File | undefined {
	if (!receipt) return undefined;
	const text = formatReceipt({ receipt, ...(withTranscript && { transcript }) });
	return new File([text], `receipt-${receipt.id.slice(2, 10)}.json`, { type: 'application/json' });
}

/** Where sentences begin and end; blanks between them belong to none. */
function sentencesOf(text: string, from: number): [number, number][] {
	const segments = [...new Intl.Segmenter(undefined, { granularity: 'sentence' }).segment(text.slice(from))];
	return segments
		.map(({ segment, index }): [number, number] => {
			const start = from + index + segment.length - segment.trimStart().length;
			return [start, start + segment.trim().length];
		})
		.filter(([start, end]) => end > start);
}

async function influence(
	record: AttributionRecord,
	ranges: [number, number][]
): Promise<SentenceInfluence[]> {
	const { text, from } = record;
	const moved = ranges.map(([start, end]): [number, number] => [start - from, end - from]);
	const found = await measurer.worker.call((api) => api.ask(requestOf(record), text.slice(from), moved));
	return found.map(({ start, end, rows }) => ({ start: start + from, end: end + from, rows }));
}

async function measured(
	id: string
): Promise<AttributionRecord & Required<Pick<AttributionRecord, 'receipt'>>> {
	const record = await db.attributions.get(id);
	if (!record?.receipt) throw new RangeError(`reply ${id} has not been measured`);
	return { ...record, receipt: record.receipt };
}
