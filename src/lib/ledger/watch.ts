import type { Address } from 'viem';
import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import { OpenLedgerError } from '#workers/errors.ts';
import { readBlock } from '#workers/ledger/rpc.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { keysOf } from '../lineage/rewards.ts';
import { preferences } from '../preferences.svelte.ts';
import { showBadge } from '../shell/badge.ts';
import { toasts } from '../ui/toasts.svelte.ts';
import { readDrawn, revealCall } from './audits.ts';
import { books, prover } from './connection.ts';
import { db } from './db.ts';
import { dutiesOf, type Duty } from './duties.ts';
import { currentNetwork } from './follow.svelte.ts';
import { read, type Network, type TitledCall } from './network.ts';
import { finaliseCalls, postCalls, refuteCalls } from './roots.ts';

/** Between two looks at the chain, in milliseconds. */
const EVERY = 20_000;

type Known = Network & { account: Address };

/**
 * Looks after reward roots and audits while any tab of the app is open, whatever page it shows. One tab does it, elected by a Web Lock; when
 * it closes, another takes over. Drawn payments are opened, lies refuted, own roots made final, new ones posted where that pays: by itself or, as the person
 * chose, by saying so; for who has never chosen, not at all. The badge of rewards follows. Returns how to end it.
 */
export function watchRoots(): () => void {
	const ending = new AbortController();
	const { signal } = ending;
	const work = async () => {
		const watch = new Watch();
		while (!signal.aborted) {
			// Silence and nonsense of the network change nothing; it is asked again.
			await watch.look().catch(() => undefined);
			await pause(signal);
		}
	};
	navigator.locks.request('openledger-watch-roots', { signal }, work).catch(() => undefined);
	return () => ending.abort();
}

class Watch {
	/** The network, account and block of the last look, and what was to be done then. */
	#seen = '';
	/** What was said or refused since the app was opened. */
	readonly #settled = new Set<string>();

	async look(): Promise<void> {
		if (!navigator.onLine) return;
		const network = await currentNetwork();
		const { account, chain, request } = network;
		const head = await readBlock(request, 'latest');
		if (!account || !head) return;
		const { roots } = preferences.values;
		const place = `${chain.id} ${account}`;
		const look = `${place} ${head.hash} ${roots}`;
		if (this.#seen === look) return;
		const summary = await books(network, (service, source) => service.sync('watch', source, head.time));
		const keys = keysOf(new Set([account.toLowerCase()]), summary);
		const claims = await books(network, (service, source) => service.claims(source, keys));
		// The ledger's page, which asks for more, takes it away.
		if (claims.some(({ cumulative, claimed }) => cumulative > claimed)) showBadge('rewards', 1);
		// Who has never seen that page is told of nothing else.
		if (!roots) {
			this.#seen = look;
			return;
		}
		const at = { address: chain.addresses.settlement, abi: settlementAbi } as const;
		const [, free] = await read(request, { ...at, functionName: 'accountOf', args: [account] });
		const gasPrice = BigInt((await request({ method: 'eth_gasPrice', params: [] })) as string);
		const person = summary.owners.findIndex((owner) => owner.toLowerCase() === account.toLowerCase()) + 1;
		const drawn = await readDrawn(db, network, prover(network), head.time);
		for (const duty of dutiesOf(summary, drawn, { account, free, gasPrice, now: head.time })) {
			const name = `${place} ${duty.kind} ${aboutOf(duty)}`;
			if (this.#settled.has(name)) continue;
			if (roots === 'tell') this.#tell(duty, name);
			else await this.#perform(duty, name, { ...network, account }, person, head.time);
		}
		this.#seen = look;
	}

	/** Once for each; the page that says the same needs no message. */
	#tell(duty: Duty, name: string): void {
		if (location.pathname.startsWith(resolve('/ledger'))) return;
		this.#settled.add(name);
		toasts.offer(told[duty.kind], 'Look', () => void goto(resolve('/ledger')));
	}

	/** A refusal is a refusal: the wallet is not asked for the same again. What did not work is tried again with the next block. */
	async #perform(duty: Duty, name: string, network: Known, person: number, now: number): Promise<void> {
		try {
			const calls = await callsFor(duty, network, person, now);
			if (calls.length === 0) return;
			await network.send(calls);
			// A refutation that is only announced is not done yet.
			if (calls.some(({ id }) => !id?.startsWith('commit '))) toasts.say(done[duty.kind]);
		} catch (error) {
			if (!(error instanceof OpenLedgerError)) throw error;
			if (error.code === 'wallet/rejected') this.#settled.add(name);
		}
	}
}

function callsFor(duty: Duty, network: Known, person: number, now: number): Promise<TitledCall[]> {
	switch (duty.kind) {
		case 'reveal':
			return revealCall(db, network, duty.drawn).then((call) => [call]);
		case 'refute':
			return refuteCalls(network, duty.checkpoint, duty.deadline, now);
		case 'finalise':
			return Promise.resolve(finaliseCalls(network, duty.checkpoint));
		case 'post':
			return postCalls(network, person, () => undefined);
	}
}

function aboutOf(duty: Duty): number {
	if (duty.kind === 'reveal') return duty.drawn.batch;
	return duty.kind === 'post' ? duty.last : duty.checkpoint;
}

const told: Record<Duty['kind'], string> = {
	reveal: 'A payment of yours was drawn for an audit. Show its weights in time, or it costs the penalty.',
	refute: 'A reward root lies. Whoever refutes it gets half the poster’s bond.',
	finalise: 'A reward root of yours can be made final; its bond comes back.',
	post: 'Payments are in no reward root yet. Posting one pays now.'
};
const done: Record<Duty['kind'], string> = {
	reveal: 'A payment of yours was opened for its audit.',
	refute: 'A reward root that lied was refuted.',
	finalise: 'Your reward root is final; its bond is back.',
	post: 'A reward root was posted.'
};

/** Until the next look: at once when a lost connection is back. */
function pause(signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const woken = new AbortController();
		const wake = () => {
			clearTimeout(timer);
			woken.abort();
			resolve();
		};
		const timer = setTimeout(wake, EVERY);
		addEventListener('online', wake, { signal: woken.signal });
		signal.addEventListener('abort', wake, { signal: woken.signal });
	});
}
