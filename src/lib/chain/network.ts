import { defineChain, type Address, type Chain } from 'viem';
import type { Addresses } from '../../../contracts/deploy/plan.ts';
import local from '../../../contracts-abi/addresses/31337.json' with { type: 'json' };
import sandbox from '../../../contracts-abi/addresses/87206178739010.json' with { type: 'json' };
import { sandboxChain } from '#workers/chain/network.ts';

/** A chain that carries our contracts. */
export interface Network {
	id: number;
	name: string;
	chain: Chain;
	/** Where the contracts stand (contracts-abi/addresses). */
	addresses: Addresses;
	/** Nothing of ours lies before this block. */
	fromBlock: number;
	/** Blocks that must follow a transaction's own before it counts as settled. */
	depth: number;
	/** Play money: nothing here is worth anything. */
	play: boolean;
	/** Address of a node; absent for the sandbox, which needs none. */
	rpc?: string;
}

const typed = (file: Record<string, string>) => file as unknown as Record<keyof Addresses, Address>;

export const sandboxNetwork: Network = {
	id: sandboxChain.id,
	name: sandboxChain.name,
	chain: sandboxChain,
	addresses: typed(sandbox),
	fromBlock: 0,
	depth: 0,
	play: true
};

/** A chain on this machine (anvil), with the contracts deployed by `contracts/deploy/deploy.cli.ts`. */
export function localNetwork(rpc: string): Network {
	const chain = defineChain({
		id: 31_337,
		name: 'Local test network',
		nativeCurrency: { name: 'Test OPEN', symbol: 'OPEN', decimals: 18 },
		rpcUrls: { default: { http: [rpc] } },
		testnet: true
	});
	return {
		id: chain.id,
		name: chain.name,
		chain,
		addresses: typed(local),
		fromBlock: 0,
		depth: 0,
		play: true,
		rpc
	};
}

const STORED = 'openledger-local-rpc';

/** The networks that a wallet can be on. A local node counts once its address was given in the settings. */
export function knownNetworks(): Network[] {
	const rpc = localStorage.getItem(STORED);
	return rpc && isNodeAddress(rpc) ? [sandboxNetwork, localNetwork(rpc)] : [sandboxNetwork];
}

export function storedNode(): string {
	return localStorage.getItem(STORED) ?? '';
}

/** Keeps the address of a local node, or forgets it where it is empty. Holds after the next start. */
export function storeNode(rpc: string): void {
	if (rpc) localStorage.setItem(STORED, rpc);
	else localStorage.removeItem(STORED);
}

function isNodeAddress(text: string): boolean {
	return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
