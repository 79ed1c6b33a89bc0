import { isHex, numberToHex, type Hex } from 'viem';
import { OpenLedgerError } from '#workers/errors.ts';
import { explain } from '../errors.ts';
import { height, nonceOf, wire } from './follow.ts';
import { db, type TransactionRecord } from './records.ts';
import { send, settled, type Sender, type Wanted } from './transactions.ts';

/**
 * Several calls in their order, each once, whatever happens. With one consent where the wallet runs them together or not at all
 * (EIP-5792, `atomic`), else with one consent each, the next after the one before is in a block. Throws as `send` and `settled`.
 */
export async function sendTogether(sender: Sender, wanted: Wanted[]): Promise<TransactionRecord[]> {
	const [first] = wanted;
	if (!first) return [];
	const known = await db.transactions.bulkGet(wanted.map(({ id }) => id));
	// What a crash left half done is gone on with as it was begun.
	if (wanted.length > 1 && known.every((record) => !record) && (await isAtomic(sender)))
		return together(sender, wanted);
	const records: TransactionRecord[] = [];
	for (const each of wanted) {
		await send(sender, each);
		records.push(await settled(each.id, sender));
	}
	return records;
}

async function isAtomic({ ask, account, network }: Sender): Promise<boolean> {
	const chain = numberToHex(network.id);
	const offered = (await ask({ method: 'wallet_getCapabilities', params: [account, [chain]] }).catch(
		() => undefined
	)) as Record<string, { atomic?: { status?: string } } | undefined> | undefined;
	return ['supported', 'ready'].includes(offered?.[chain]?.atomic?.status ?? '');
}

async function together(sender: Sender, wanted: Wanted[]): Promise<TransactionRecord[]> {
	const { ask, account, network, node } = sender;
	await sender.verify();
	const calls = wanted.map(({ call: { to, data, value } }) => ({
		to,
		data,
		value: numberToHex(value ?? 0n)
	}));
	const [since, nonce] = [await height(node), await nonceOf(account, node)];
	const now = Date.now();
	const records = wanted.map(({ id, title, call }, i): TransactionRecord => ({
		...{ id, title, call, since, network: network.id, from: account, state: 'asked', bundled: true },
		...{ nonce: nonce + i, created: now, updated: now }
	}));
	await db.transactions.bulkPut(records);
	const changeAll = (change: (i: number) => Partial<TransactionRecord>) =>
		db.transactions.bulkPut(records.map((record, i) => ({ ...record, ...change(i), updated: Date.now() })));
	let bundle: unknown;
	try {
		const request = {
			version: '2.0.0',
			from: account,
			chainId: numberToHex(network.id),
			atomicRequired: true,
			calls
		};
		bundle = ((await ask({ method: 'wallet_sendCalls', params: [request] })) as { id?: unknown } | null)?.id;
		if (typeof bundle !== 'string') throw new Error('no id for the calls');
	} catch (error) {
		const reason = explain(error);
		// A wallet that refuses before anything is sent says so by these codes; after any other answer the chain tells.
		if (reason.code === 'wallet/rejected' || reason.code === 'chain/reverted')
			await changeAll(() => ({ state: 'refused', error: wire(reason) }));
		throw reason;
	}
	const receipts = await bundleReceipts(sender, bundle);
	// One transaction for all, or one each: the standard leaves it to the wallet.
	const hashOf = (i: number) =>
		receipts[receipts.length === wanted.length ? i : receipts.length - 1]?.transactionHash;
	await changeAll((i) => ({ state: 'sent', hash: hashOf(i) }));
	return Promise.all(records.map(({ id }) => settled(id, sender)));
}

/** Waits until the wallet has run the calls. Throws where it did not. */
async function bundleReceipts({ ask }: Sender, id: string): Promise<{ transactionHash: Hex }[]> {
	for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
		const status = (await ask({ method: 'wallet_getCallsStatus', params: [id] }).catch((error: unknown) => {
			throw explain(error);
		})) as { status?: unknown; receipts?: { transactionHash?: unknown }[] } | null;
		const code = Number(status?.status);
		const receipts = (status?.receipts ?? []).filter((receipt): receipt is { transactionHash: Hex } =>
			isHex(receipt.transactionHash)
		);
		if (code >= 200 && code < 300 && receipts.length) return receipts;
		if (code >= 300 || Number.isNaN(code))
			throw new OpenLedgerError('chain/reverted', 'The wallet could not run these steps together.', {
				remedy: 'None of them was done. Try again, or use another wallet.',
				details: { status: String(status?.status) }
			});
		await new Promise((resolve) => setTimeout(resolve, wait));
	}
}
