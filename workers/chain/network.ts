import { defineChain } from 'viem';

/**
 * The sandbox's chain id: "OPENSB" in ASCII. Never 1612, OpenLedger's own, so that no signature made in play counts there. Not a small
 * number, because those get registered; below 2^52, because wallets refuse more (docs/decisions/sandbox-chain.md).
 */
export const SANDBOX_CHAIN_ID = 0x4f50454e5342;

/** Price of one gas, in wei: always the same, so that what a person sees before signing is what is paid. */
export const BASE_FEE = 1_000_000_000n;

/** Gas of one block, as on Ethereum. */
export const BLOCK_GAS = 60_000_000n;

/** viem's description of the sandbox. It has no URL: its provider is a worker in this browser. */
export const sandboxChain = defineChain({
	id: SANDBOX_CHAIN_ID,
	name: 'Sandbox',
	nativeCurrency: { name: 'Play OPEN', symbol: 'OPEN', decimals: 18 },
	rpcUrls: { default: { http: [] } },
	testnet: true
});
