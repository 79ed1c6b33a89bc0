import type { Hex } from 'viem';

/** What was committed to before refuting a root: without the salt the reward cannot be had. */
interface Kept {
	salt: Hex;
	/** Of the commitment. Seconds since the epoch. */
	time: number;
}

const key = (chain: number, checkpoint: number) => `openledger.refutation.${chain}.${checkpoint}`;

/** Salts in localStorage: they must outlive the page, and are worth nothing once the refutation is made. */
export const keptSalts = {
	get(chain: number, checkpoint: number): Kept | undefined {
		const text = localStorage.getItem(key(chain, checkpoint));
		return text ? (JSON.parse(text) as Kept) : undefined;
	},
	put(chain: number, checkpoint: number, kept: Kept): void {
		localStorage.setItem(key(chain, checkpoint), JSON.stringify(kept));
	}
};
