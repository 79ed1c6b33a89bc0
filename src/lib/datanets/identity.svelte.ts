import type { Identity } from '#workers/datanets/api.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { preferences } from '../preferences.svelte.ts';
import { datanets } from './connection.ts';

/** Who contributes on this device. */
class Me {
	identity = $state.raw<Identity>();

	async load(): Promise<void> {
		this.identity ??= await datanets((api) => api.identity());
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
