import { createContext } from 'svelte';
import { encodeFunctionData, numberToHex, type Hex } from 'viem';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Claimable, Earning, LedgerSummary } from '#workers/ledger/service.ts';
import { readBlock } from '#workers/ledger/rpc.ts';
import { datanetsAbi } from '../../../contracts-abi/abi/Datanets.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { rewardKey } from '../../../contracts/client/keys.ts';
import { readAccount, type Entry } from './account.ts';
import { readDrawn, type Drawn } from './audits.ts';
import { books, prover, proxy } from './connection.ts';
import { db } from './db.ts';
import { coreCall } from './core-call.ts';
import { readHandovers, type Handover } from './handovers.ts';
import { read, type Network, type TitledCall } from './network.ts';
import { payerOver } from './payer.ts';
import { announcedAt } from './roots.ts';
import { showBadge } from '../shell/badge.ts';
import { collectCall, readCollected, readStakes, type Stake } from './stakes.ts';
import { reconcile } from './settler.ts';

/** A share that a contributor holds in a Datanet by static units. */
export interface Holding {
	datanet: number;
	name: string;
	contributor: number;
	units: bigint;
	/** Of all units. */
	total: bigint;
	/** Wei that can be collected now. */
	collectable: bigint;
	/** Wei that was collected before. */
	collected: bigint;
	/** Wei that the Datanet's key can still be claimed for, all holders together. */
	waiting: bigint;
}

export interface PrepaidAccount {
	balance: bigint;
	free: bigint;
	/** In the wallet, not in the contract. Wei. */
	wallet: bigint;
}

/** What one look at the chain gave: everything the ledger page shows, for one account. */
export interface View {
	summary: LedgerSummary;
	account?: PrepaidAccount;
	/** Contributor ids that the account owns. */
	people: number[];
	/** Models that the account owns. */
	models: number[];
	claims: Claimable[];
	earnings: Earning[];
	holdings: Holding[];
	stakes: Stake[];
	entries: Entry[];
	/** Payments that were drawn for an audit and wait to be opened. */
	drawn: Drawn[];
	/** Offers of what the account owns, and to it. */
	handovers: Handover[];
	/** Wrong roots whose refutation this account has announced, and when. Seconds since the epoch. */
	announced: Map<number, number>;
	/** Wei for one gas. */
	gasPrice: bigint;
	/** The chain's clock. Seconds since the epoch. */
	now: number;
}

/** What a view belongs to. */
const keyOf = ({ chain, account }: Network) => `${chain.id} ${account}`;

/** The ledger of one network and account, as pages see it. */
export class LedgerRoom {
	readonly #network: () => Network | undefined;
	/** What was seen last, and of which network and account. */
	#seen = $state.raw<{ of: string; view: View }>();
	/** How far the books are, 0 to 1, while they are being made. */
	progress = $state<number>();
	busy = $state(false);
	error = $state.raw<OpenLedgerError>();
	#again = false;

	constructor(network: () => Network | undefined) {
		this.#network = network;
	}

	get network(): Network | undefined {
		return this.#network();
	}

	/** Never another account's: a person who pays from it would pay from the wrong one. */
	get view(): View | undefined {
		const { network } = this;
		return network && this.#seen?.of === keyOf(network) ? this.#seen.view : undefined;
	}

	/** Looks at the chain again. Calls while one look is under way make one more look after it. */
	async refresh(): Promise<void> {
		if (this.busy) {
			this.#again = true;
			return;
		}
		this.busy = true;
		try {
			do {
				this.#again = false;
				await this.#look();
			} while (this.#again);
		} finally {
			this.busy = false;
			this.progress = undefined;
		}
	}

	async #look(): Promise<void> {
		const network = this.network;
		if (!network) return;
		const { account, chain } = network;
		try {
			const head = await readBlock(network.request, 'latest');
			const now = head?.time ?? 0;
			const onProgress = proxy(({ done, total }: { done: number; total: number }) => {
				this.progress = total > 0 ? done / total : undefined;
			});
			const summary = await books(network, (service, source) =>
				service.sync('sync', source, now, onProgress)
			);
			const view = await look(network, summary, now);
			if (account) await reconcile(db, payerOver(chain, account, network.request, network.wallet));
			this.#seen = { of: keyOf(network), view };
			showBadge('rewards', this.claimCalls().length > 0 ? 1 : 0);
			// What chat goes by was older.
			await db.registry.delete(chain.id);
			this.error = undefined;
		} catch (thrown) {
			this.error = asError(thrown);
		}
	}

	/** Sends the calls, then looks again. Rejects with what a person can do. */
	async send(calls: readonly TitledCall[]): Promise<void> {
		try {
			await this.network?.send(calls);
		} finally {
			await this.refresh();
		}
	}

	/** What claims and collects everything that the account has coming: one transaction where nothing is shared by units. */
	claimCalls(): TitledCall[] {
		const { network, view } = this;
		if (!network?.account || !view) return [];
		const { datanets } = network.chain.addresses;
		const due = view.claims.filter(({ cumulative, claimed }) => cumulative > claimed);
		const title = 'Claim rewards';
		const calls: TitledCall[] = [];
		if (due.length > 0) {
			const claims = due.map(({ key, cumulative, proof }) => ({ key, cumulative, proof }));
			calls.push({ title, ...coreCall(network, 'claimMany', [claims]) });
		}
		for (const { datanet, contributor, collectable, waiting } of view.holdings)
			if (collectable > 0n || waiting > 0n)
				calls.push({
					title,
					to: datanets,
					data: encodeFunctionData({
						abi: datanetsAbi,
						functionName: 'collect',
						args: [datanet, contributor]
					})
				});
		for (const { pool, collectable } of view.stakes)
			if (collectable > 0n || due.some(({ key }) => key === pool))
				calls.push({ title, ...collectCall(network, pool, network.account) });
		return calls;
	}
}

async function look(network: Network, summary: LedgerSummary, now: number): Promise<View> {
	const { request, chain, account } = network;
	const { settlement, datanets } = chain.addresses;
	const mine = (owner: string) => owner.toLowerCase() === account?.toLowerCase();
	const people = summary.owners.flatMap((owner, i) => (mine(owner) ? [i + 1] : []));
	const models = summary.models.filter(({ owner }) => mine(owner)).map(({ id }) => id);
	const held = summary.datanets.flatMap((datanet) =>
		people.flatMap((contributor) => {
			const units = datanet.holdings.get(contributor);
			return units ? [{ datanet, contributor, units }] : [];
		})
	);
	const keys = new Set([...people, ...models.map((id) => rewardKey('model', id))]);
	for (const { datanet } of held) keys.add(rewardKey('datanet', datanet.id));
	const stakes = account ? await readStakes(network, account) : [];
	for (const { pool } of stakes) keys.add(pool);
	const contributors = people.map((id) => numberToHex(id, { size: 32 }));
	const collected =
		held.length > 0
			? await readCollected(network, datanets, 'DatanetCollected', [null, contributors])
			: new Map<string, bigint>();
	const claims = await books(network, (service, source) => service.claims(source, [...keys]));
	const earnings = await books(network, (service, source) => service.earnings(source, [...keys]));
	const holdings = await Promise.all(
		held.map(async ({ datanet, contributor, units }): Promise<Holding> => {
			const args = [datanet.id, contributor] as const;
			const collectable = await read(request, {
				address: datanets,
				abi: datanetsAbi,
				functionName: 'collectable',
				args
			});
			const claim = claims.find(({ key }) => key === rewardKey('datanet', datanet.id));
			const waiting = claim ? claim.cumulative - claim.claimed : 0n;
			return {
				datanet: datanet.id,
				name: datanet.name,
				contributor,
				units,
				total: datanet.units,
				collectable,
				collected: collected.get(`${datanet.id} ${contributor}`) ?? 0n,
				waiting
			};
		})
	);
	const gasPrice = BigInt((await request({ method: 'eth_gasPrice', params: [] })) as Hex);
	const announced = new Map<number, number>();
	for (const { id, verdict } of summary.pending) {
		const at = verdict === 'wrong' ? await announcedAt(network, id) : undefined;
		if (at) announced.set(id, at);
	}
	const shared = { summary, people, models, claims, earnings, holdings, stakes, announced, gasPrice, now };
	if (!account) return { ...shared, entries: [], handovers: [], drawn: [] };
	const [balance, free] = await read(request, {
		address: settlement,
		abi: settlementAbi,
		functionName: 'accountOf',
		args: [account]
	});
	const wallet = BigInt((await request({ method: 'eth_getBalance', params: [account, 'latest'] })) as Hex);
	const entries = await readAccount(network, account, (id) => summary.bonds.get(id) ?? 0n);
	const handovers = await readHandovers(network, account, [
		...people.map((id) => ({ kind: 'contributor' as const, id })),
		...models.map((id) => ({ kind: 'model' as const, id }))
	]);
	const drawn = await readDrawn(db, network, prover(network), now);
	return { ...shared, account: { balance, free, wallet }, entries, handovers, drawn };
}

export function asError(thrown: unknown): OpenLedgerError {
	return OpenLedgerError.from(
		thrown,
		'engine/failed',
		'Something went wrong with the ledger.',
		'Try again; nothing that was paid or owed is lost.'
	);
}

export const [getLedger, setLedger] = createContext<LedgerRoom>();
