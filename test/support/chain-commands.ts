import type { BrowserCommand } from 'vitest/node';
import { startLocalChain, type LocalChain } from '../../contracts/tools/local.ts';

let chain: Promise<LocalChain> | undefined;

/** Starts anvil with the contracts deployed, once for all browser tests, and returns its address. It ends with this process. */
export const localChain: BrowserCommand<[]> = async () => {
	chain ??= startLocalChain();
	return (await chain).url;
};
