import { preferences } from '../preferences.svelte.ts';
import type { Node } from './lineage.ts';

/** Whose colour a thing has on the provenance scale; undefined where it is nobody's alone. */
export function inkOf({ kind, facts }: Node): number | 'base' | undefined {
	if (kind === 'base') return 'base';
	if (kind === 'adapter') return facts.entry === undefined ? undefined : preferences.inkOf(facts.entry);
	const person = kind === 'contributor' ? facts : kind === 'row' ? facts.contributor : undefined;
	return person && preferences.inkOf(person.id);
}
