import { parseReceipt, type ReceiptFile } from '#workers/attribution/receipts/receipt-file.ts';
import type { Verdict } from '#workers/attribution/receipts/verify.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { measurer } from './measurer.ts';

/**
 * Reads a receipt from anywhere.
 * @throws OpenLedgerError `receipt/malformed`
 */
export async function openReceipt(file: File): Promise<ReceiptFile> {
	return parseReceipt(new Uint8Array(await file.arrayBuffer()));
}

/**
 * Computes a receipt anew with the adapter and the model that it names, where they are here. Another model than the loaded one is
 * missing, not different: nobody said that it was used.
 */
export async function checkReceipt(
	{ models, adapters }: Pick<Engine, 'models' | 'adapters'>,
	{ receipt, transcript }: ReceiptFile
): Promise<Verdict> {
	const { loaded } = models;
	const model = loaded?.sha256 === receipt.base ? loaded.id : '';
	const named = receipt.adapter;
	const adapter = adapters.list.find(
		({ files }) => files.weights === named?.weights && files.config === named.config
	);
	return measurer.worker.call<Verdict>((api) =>
		api.verify(receipt, transcript, { model, adapter: adapter?.id ?? '' })
	);
}
