import type { Hex } from 'viem';
import { makeEmptyReceipt, type Receipt, type Transcript } from '#workers/attribution/receipts/receipt.ts';
import { newSalt } from '#workers/attribution/receipts/salt.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { readBlock } from '#workers/ledger/rpc.ts';
import type { AdapterEntry, Completion } from '#workers/protocol.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { compare, type Fingerprints } from '../adapters/link/registration.ts';
import { openAmount as open } from '../chain/amounts.ts';
import { books } from './connection.ts';
import { db } from './db.ts';
import { currentNetwork } from './follow.svelte.ts';
import { read, type Network } from './network.ts';
import type { RegisteredModel, RegistryRecord } from './records.ts';
import { payerOver } from './payer.ts';
import { Pledges } from './pledges.ts';
import { settle } from './settler.ts';
import { costOf, defaultSpending, isDue, tabOf } from './spending.ts';
import { toasts } from '../ui/toasts.svelte.ts';

/** Milliseconds for which the registry is taken as it was, and for which a reply waits for a newer one. */
const FRESH = 60_000;
const PATIENCE = 4_000;

/** Finished replies by adapters, and whether the next one may be written: what chat asks of the ledger. */

interface Registered {
	network: Network;
	registry: RegistryRecord;
	model: RegistryRecord['models'][number];
	files: AdapterEntry['files'];
}

/** An adapter of a reply, by the files that registries name it by. */
export interface UsedFiles {
	weight: number;
	files: AdapterEntry['files'];
	/** All that registries know it by. Read only where several models have its weights: it takes hashing its files. */
	fingerprints: () => Promise<Fingerprints>;
}

/** The model that a reply pays: that of its heaviest adapter; undefined where none is registered on this chain. */
async function registered(adapters: readonly UsedFiles[]): Promise<Registered | undefined> {
	const heaviest = [...adapters].sort((a, b) => b.weight - a.weight)[0];
	if (!heaviest) return undefined;
	const network = await currentNetwork();
	const registry = await readRegistry(network);
	const model = registry && (await modelOf(heaviest, registry.models));
	return model && { network, registry, model, files: heaviest.files };
}

/**
 * Anybody may register the same weights again. Of several such models the one whose manifest and index are the adapter's too is
 * paid, else the one that was there first.
 */
async function modelOf({ files, fingerprints }: UsedFiles, models: readonly RegisteredModel[]) {
	const same = models.filter(({ hash, status }) => hash.slice(2) === files.weights && status === 0);
	if (same.length < 2) return same[0];
	const found = await fingerprints().catch((): Fingerprints => ({}));
	const outcome = compare(same, { ...found, weights: files.weights });
	return outcome.state === 'registered' ? outcome.model : same[0];
}

/** From the books where they come in time, else as they were last known. */
async function readRegistry(network: Network): Promise<RegistryRecord | undefined> {
	const known = await db.registry.get(network.chain.id);
	if (known && known.account === network.account && Date.now() - known.time < FRESH) return known;
	const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PATIENCE));
	const newer = await Promise.race([askBooks(network).catch(() => undefined), late]);
	return newer ?? (known?.account === network.account ? known : undefined);
}

async function askBooks(network: Network): Promise<RegistryRecord | undefined> {
	const { account, chain, request } = network;
	if (!account) return undefined;
	const head = await readBlock(request, 'latest');
	const { models } = await books(network, (service, source) => service.sync('sync', source, head?.time ?? 0));
	const address = chain.addresses.settlement;
	const [, free] = await read(request, {
		address,
		abi: settlementAbi,
		functionName: 'accountOf',
		args: [account]
	});
	const kept = models.map(({ id, hash, manifest, index, price, allowance, status }) => ({
		id,
		hash,
		manifest,
		index,
		price,
		allowance,
		status
	}));
	const record = { chain: chain.id, account, free, models: kept, time: Date.now() };
	await db.registry.put(record);
	return record;
}

/** Tokens that a model's replies took since midnight, UTC. */
function usedToday(chain: number, model: number): Promise<number> {
	return db.tokensSince(chain, model, Math.floor(Date.now() / 86_400_000) * 86_400_000);
}

const pledges = new Pledges();

export interface Admission {
	/** Why the reply may not be written. */
	refusal?: OpenLedgerError;
	/** To be called when its receipt is kept, or nothing comes of it: until then it counts as if it took all it may. */
	end: () => void;
}

/**
 * Whether a reply may be written: an adapter with a price runs within its free allowance, and beyond it only when the prepaid
 * balance covers the reply beside what is owed. A network that cannot be read and was never read keeps nobody from chatting.
 * @param mayOwe false for a page of another address: it gets what is free for certain, whatever the person has deposited
 */
export async function admit(
	adapters: readonly UsedFiles[],
	maxNewTokens: number,
	mayOwe = true
): Promise<Admission> {
	const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 2 * PATIENCE));
	const found = await Promise.race([registered(adapters).catch(() => undefined), late]);
	if (!found) return { end: () => undefined };
	const { network, registry, model } = found;
	const { id: chain } = network.chain;
	const { limit } = (await db.spending.get(chain)) ?? defaultSpending(chain);
	const read = async () => {
		const owed = (await db.owed(chain)).reduce((sum, { amount }) => sum + amount, 0n);
		return { used: await usedToday(chain, model.id), owed, free: registry.free, limit };
	};
	const { stands, beside, end } = await pledges.admit({ chain, model, tokens: maxNewTokens, mayOwe, read });
	if (stands === 'price')
		return refused('ledger/refused', 'This adapter has a price, and a page may only ask what is free.', {
			remedy: 'Use it in the app itself, ask for fewer tokens, or use the base model.'
		});
	if (stands === 'deposit' && beside)
		return refused('ledger/deposit-needed', 'Replies that are being written may use up what is free today.', {
			remedy: `Wait for them, or ask for less at once. Beyond it the adapter costs ${open(model.price)} OPEN for 1,000 tokens, from a deposit on the Ledger page.`
		});
	if (stands === 'deposit')
		return refused(
			'ledger/deposit-needed',
			model.allowance > 0n
				? 'This adapter’s free replies for today are used up.'
				: 'This adapter has a price, and no deposit covers a reply of it.',
			{
				remedy: `It costs ${open(model.price)} OPEN for 1,000 tokens. Deposit on the Ledger page to go on, or take it off and use the base model.`
			}
		);
	if (stands === 'limit')
		return refused(
			'ledger/limit',
			`You have set a limit of ${open(limit)} OPEN, and this reply could pass it.`,
			{
				remedy: 'Pay what you owe on the Ledger page, or raise the limit there.'
			}
		);
	return { end };
}

function refused(...error: ConstructorParameters<typeof OpenLedgerError>): Admission {
	return { refusal: new OpenLedgerError(...error), end: () => undefined };
}

/**
 * Writes down what a finished reply owes, before anything is measured: by a receipt that attributes nothing, so that contributors would
 * be paid by their static units. `replaceReceipt` puts the measured one in its place.
 *
 * @param base SHA-256 of the base model's file
 * @param mayOwe false: nothing is owed, also where the price was not known beforehand
 * @returns the receipt's id and its price; undefined where no model of the reply is registered
 */
export async function keepReceipt(
	reply: { id: string; conversation: string; adapter: string; files: readonly UsedFiles[] },
	{ ids, tokens: { completion: tokens } }: Completion,
	base: string,
	mayOwe = true
): Promise<{ receipt: Hex; price: bigint } | undefined> {
	const found = await registered(reply.files);
	if (!found || tokens === 0) return undefined;
	const { network, model, files } = found;
	const chain = network.chain.id;
	const used = await usedToday(chain, model.id);
	const time = Date.now();
	const { price } = model;
	const served = { base, adapter: files, host: 0, price: price.toString(), time: Math.floor(time / 1000) };
	const { receipt, transcript } = makeEmptyReceipt(served, 'no-index', { salt: newSalt(), ...ids });
	await db.receipts.put({
		id: receipt.id,
		chain,
		model: model.id,
		index: model.index,
		host: 0,
		amount: mayOwe ? costOf(price, model.allowance, used, tokens) : 0n,
		time,
		reply: reply.id,
		conversation: reply.conversation,
		adapter: reply.adapter,
		receipt,
		transcript
	});
	return { receipt: receipt.id, price };
}

/**
 * Puts a measured receipt in the place of the one that `keepReceipt` wrote, then settles where enough is owed. Its weights count only if
 * they come from the index that the model is registered with: from any other the rows' credit could be anybody's. A receipt that is in
 * a settlement already stays: it has been committed to.
 */
export async function replaceReceipt(
	provisional: Hex,
	measured: Receipt,
	transcript: Transcript
): Promise<void> {
	await db.transaction('rw', db.receipts, async () => {
		const record = await db.receipts.get(provisional);
		if (!record || record.settlement) return;
		const counts = measured.unmeasured !== null || measured.index?.root === record.index;
		const payable = counts
			? { receipt: measured, transcript }
			: makeEmptyReceipt(measured, 'wrong-index', transcript);
		await db.receipts.delete(provisional);
		await db.receipts.put({ ...record, ...payable, id: payable.receipt.id });
	});
	await payWhenDue(await currentNetwork());
}

/** Settles by itself once enough is owed; a wallet still asks. A refusal is remembered, so that it does not ask at every reply. */
async function payWhenDue({ chain, account, request, wallet }: Network): Promise<void> {
	if (!account || !navigator.onLine) return;
	const spending = (await db.spending.get(chain.id)) ?? defaultSpending(chain.id);
	const tab = tabOf(await db.owed(chain.id), spending.mode, 0n);
	if (!isDue(tab, spending)) return;
	try {
		const record = await settle(db, payerOver(chain, account, request, wallet), spending.mode);
		if (record?.state === 'settled') toasts.say(`${open(record.amount)} OPEN were paid for your replies.`);
		await db.spending.put({ ...spending, declinedAt: 0n });
	} catch (error) {
		await db.spending.put({ ...spending, declinedAt: tab.owed });
		toasts.say(`Paying ${open(tab.owed)} OPEN did not work yet. The Ledger page says more.`);
		if (!(error instanceof OpenLedgerError)) throw error;
	} finally {
		await db.registry.delete(chain.id);
	}
}
