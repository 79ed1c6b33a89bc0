import { preferences } from '../preferences.svelte.ts';
import type { Node } from './lineage.ts';

/** Whose colour a thing has on the provenance scale; undefined where it is nobody's alone. */
export function inkOf({ kind, facts }: Node): number | 'base' | undefined {
	if (kind === 'base') return 'base';
	const person = kind === 'contributor' ? facts : kind === 'row' ? facts.contributor : undefined;
	return person && preferences.inkOf(person.id);
}
