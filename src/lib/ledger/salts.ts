import type { Hex } from 'viem';

/** What was committed to before refuting a root: without the salt the reward cannot be had. */
interface Kept {
	salt: Hex;
	commitment: Hex;
}

const key = (chain: number, account: string, checkpoint: number) =>
	`openledger.refutation.${chain}.${account.toLowerCase()}.${checkpoint}`;

/** Salts in localStorage: they must outlive the page, and are worth nothing once the refutation is made. */
export const keptSalts = {
	get(chain: number, account: string, checkpoint: number): Kept | undefined {
		const text = localStorage.getItem(key(chain, account, checkpoint));
		return text ? (JSON.parse(text) as Kept) : undefined;
	},
	put(chain: number, account: string, checkpoint: number, kept: Kept): void {
		localStorage.setItem(key(chain, account, checkpoint), JSON.stringify(kept));
	}
};
