import type { Hex } from '#workers/datanets/hash.ts';
import { proxy } from '#workers/comlink.ts';
import type { Measured, MeasurePhase, MeasureRequest } from '#workers/attribution/api.ts';
import { newSalt } from '#workers/attribution/receipts/salt.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Completion } from '#workers/protocol.ts';
import type { Reply } from '../chat/records.ts';
import { backlog } from './backlog.ts';
import { db, updateRecord } from './db.ts';
import { QuietWorker } from './quiet-worker.ts';
import type { AttributionRecord } from './records.ts';

/** One tab at a time measures: what another tab left half way is taken up by whoever holds this. */
const LOCK = 'openledger-attribution';

/** A reply that has just been written. */
interface Written {
	reply: Pick<Reply, 'id' | 'conversation' | 'adapters'>;
	/** What stood there before this run, which continues it. */
	before: string;
	completion: Completion;
	/** SHA-256 of the base's ONNX file. */
	base: string;
	/** Files of the adapters, as given to the ledger. */
	files: readonly { weight: number; files: { config: string; weights: string } }[];
	/** The receipt that the ledger keeps until this is measured, and its price. */
	owed?: { receipt: Hex; price: bigint };
}

/** Measures replies, the newest first, while no reply is being written. What is not finished when the tab ends is taken up by the next. */
class Measurer {
	readonly worker = new QuietWorker();
	/** Goes on with what is waiting, also from an earlier visit. */
	readonly wake = backlog(() =>
		this.#work().catch((error: unknown) => console.warn('Replies could not be measured.', error))
	);

	/** Chat comes first. Call what is returned when the reply is written. */
	hold(): () => void {
		return this.worker.hold();
	}

	/** Takes a finished reply into the list. A reply of no tokens, or of the base alone, is nobody's. */
	async add({ reply, before, completion, base, files, owed }: Written): Promise<void> {
		const [used] = reply.adapters;
		const [own] = files;
		if (!used || !own || completion.ids.reply.length === 0) return;
		const whole = reply.adapters.length === 1 && used.weight === 1;
		const record: AttributionRecord = {
			id: reply.id,
			conversation: reply.conversation,
			adapter: { id: used.id, name: used.name, files: { ...own.files } },
			model: { id: completion.model, sha256: base },
			state: 'waiting',
			reason: whole ? undefined : 'blended',
			text: before + completion.text,
			from: before.length,
			time: Date.now(),
			price: owed?.price ?? 0n,
			owed: owed?.receipt,
			contributors: [],
			rows: [],
			contributions: [],
			transcript: { salt: newSalt(), ...completion.ids, query: new Int8Array(0), entries: [] },
			logLikelihood: completion.logLikelihood
		};
		await db.attributions.put(record);
		this.wake();
	}

	/** Measures a reply anew: its adapter has an index now. */
	async again(id: string): Promise<void> {
		await updateRecord(id, { state: 'waiting', reason: undefined, cause: undefined });
		this.wake();
	}

	async #work(): Promise<void> {
		const measureAll = async () => {
			for (let next = await nextRecord(); next; next = await nextRecord()) await this.#measure(next);
		};
		await (navigator.locks ? navigator.locks.request(LOCK, measureAll) : measureAll());
	}

	async #measure(record: AttributionRecord): Promise<void> {
		const { id } = record;
		const request = requestOf(record);
		const onPhase = proxy((phase: MeasurePhase) => void updateRecord(id, { state: 'measuring', phase }));
		const ask = (asked: MeasureRequest) =>
			this.worker.call(
				(api) => api.measure(asked, onPhase),
				() => void updateRecord(id, { state: 'waiting', phase: undefined })
			);
		let measured: Measured;
		try {
			measured = await ask({ ...request, unmeasured: record.reason });
		} catch (error) {
			if (!(error instanceof OpenLedgerError)) throw error;
			// Out of memory, most likely. Nothing is guessed.
			console.warn('A reply could not be measured.', error);
			measured = { ...(await ask({ ...request, unmeasured: 'failed' })), cause: error.message };
		}
		await finish(record, measured);
	}
}

async function nextRecord(): Promise<AttributionRecord | undefined> {
	const open = await db.attributions.where('state').anyOf('waiting', 'measuring').sortBy('time');
	return open.at(-1);
}

/** What the worker has to be asked about a record. */
export function requestOf(record: AttributionRecord): MeasureRequest {
	const { adapter, model, transcript, price, time, logLikelihood } = record;
	return {
		model: model.id,
		adapter: adapter.id,
		base: model.sha256,
		files: adapter.files,
		prompt: transcript.prompt,
		reply: transcript.reply,
		price: price.toString(),
		time: Math.floor(time / 1000),
		logLikelihood
	};
}

async function finish(
	{ id, owed }: AttributionRecord,
	{ receipt, transcript, parts, contributors, rows, cause }: Measured
): Promise<void> {
	// The ledger first: a reply that shows its shares is owed by them.
	if (owed) {
		const ledger = await import('../ledger/replies.ts');
		await ledger.replaceReceipt(owed, receipt, transcript);
	}
	await updateRecord(id, {
		state: receipt.unmeasured === null ? 'measured' : 'unmeasured',
		phase: undefined,
		reason: receipt.unmeasured ?? undefined,
		cause,
		parts,
		contributors,
		rows,
		contributions: rows.map(({ contribution }) => contribution),
		sentences: undefined,
		spans: undefined,
		receipt,
		transcript
	});
}

export const measurer = new Measurer();
