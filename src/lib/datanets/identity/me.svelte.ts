import type { Identity } from '#workers/datanets/api.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { preferences } from '../../preferences.svelte.ts';
import { session } from '../../chain/session.svelte.ts';
import { datanets, proxy } from '../connection.ts';

/** Who contributes on this device. */
class Me {
	identity = $state.raw<Identity>();

	async load(): Promise<void> {
		this.identity ??= await datanets((api) => api.identity());
	}

	/** After a backup has brought the person's key. */
	async reload(): Promise<void> {
		this.identity = await datanets((api) => api.identity());
	}

	/** Names the wallet that is this person's too; both sign, so nobody can claim another's rows. */
	async linkTo(wallet: string): Promise<void> {
		const { account, sign } = await session.signatory(wallet);
		const link = await datanets((api) => api.link(account.toLowerCase() as Hex, proxy(sign)));
		if (this.identity) this.identity = { ...this.identity, link };
	}

	is(address: Hex): boolean {
		return this.identity?.address === address || this.identity?.link?.wallet === address;
	}
}

export const me = new Me();

/** `0x7e5f…5bdf` */
export function shortHex(hex: string): string {
	return `${hex.slice(0, 6)}…${hex.slice(-4)}`;
}

export function nameOf(contributor: Hex): string {
	return me.is(contributor) ? 'You' : shortHex(contributor);
}

/** A contributor's place on the provenance scale; the same wherever the contributor appears. */
export function inkOf(contributor: Hex): number {
	return preferences.inkOf(contributor);
}
