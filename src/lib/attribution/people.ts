import { me, shortHex } from '../datanets/identity/me.svelte.ts';
import { preferences } from '../preferences.svelte.ts';
import type { AttributionRecord, ContributorShare } from './records.ts';
import { inkKey } from './words.ts';

/** What a contributor is called: oneself, as the rows say, or by an address. */
export function nameOf({ id, name, address }: Pick<ContributorShare, 'id' | 'name' | 'address'>): string {
	if (address && me.is(address)) return 'You';
	return name ?? (address ? shortHex(address) : `Contributor ${id}`);
}

/** Places of a record's contributors on the provenance scale. */
export function inkOf(record: Pick<AttributionRecord, 'adapter'>): (one: ContributorShare) => number {
	return (one) => preferences.inkOf(inkKey(record, one));
}
