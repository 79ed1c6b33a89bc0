import { FLAG_NAMES, FLAGS, flagsIn, type Flag } from '#workers/datanets/checks/quality.ts';
import type { Kind } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import type { Query } from '#workers/datanets/search/select.ts';
import { heard } from '../../i18n/words.ts';
import { nameOf } from '../identity/me.svelte.ts';
import { languageName, licenceName } from '../names.ts';
import { KIND_NAMES } from './fields.ts';

export type Facet = 'kinds' | 'contributors' | 'licences' | 'languages' | 'sources' | 'tags';

/** A filter that is on, as a chip says it. */
export interface Chip {
	label: string;
	remove: () => void;
}

/** What a person looks for in the rows. */
export class Filter {
	text = $state('');
	facets = $state<Record<Facet, string[]>>({
		kinds: [],
		contributors: [],
		licences: [],
		languages: [],
		sources: [],
		tags: []
	});
	flags = $state(0);
	sort = $state.raw<Query['sort']>();

	/** From the address of the page, as other pages link to rows: `?tag=…&flag=personalData`. */
	constructor(parameters: URLSearchParams) {
		const all = (name: string) => parameters.getAll(name);
		this.text = parameters.get('text') ?? '';
		this.facets = {
			kinds: all('kind'),
			contributors: all('contributor'),
			licences: all('licence'),
			languages: all('language'),
			sources: all('source'),
			tags: all('tag')
		};
		for (const flag of all('flag')) this.flags |= Object.hasOwn(FLAGS, flag) ? FLAGS[flag as Flag] : 0;
	}

	get query(): Query {
		const query: Query = {};
		if (this.text.trim() !== '') query.text = this.text;
		const { kinds, contributors, licences, languages, sources, tags } = this.facets;
		if (kinds.length) query.kinds = kinds as Kind[];
		if (contributors.length) query.contributors = contributors as Hex[];
		if (licences.length) query.licences = [...licences];
		if (languages.length) query.languages = [...languages];
		if (sources.length) query.sources = [...sources];
		if (tags.length) query.tags = [...tags];
		if (this.flags) query.flags = this.flags;
		if (this.sort) query.sort = this.sort;
		return query;
	}

	get chips(): Chip[] {
		const facets = (Object.keys(this.facets) as Facet[]).flatMap((facet) =>
			this.facets[facet].map((value) => ({
				label: labelOf(facet, value),
				remove: () => this.toggle(facet, value)
			}))
		);
		const flags = flagsIn(this.flags).map((flag) => ({
			label: heard(FLAG_NAMES[flag]),
			remove: () => this.toggleFlag(flag)
		}));
		return [...facets, ...flags];
	}

	get isEmpty(): boolean {
		return this.text.trim() === '' && this.chips.length === 0;
	}

	has(facet: Facet, value: string): boolean {
		return this.facets[facet].includes(value);
	}

	toggle(facet: Facet, value: string): void {
		const values = this.facets[facet];
		this.facets[facet] = values.includes(value)
			? values.filter((other) => other !== value)
			: [...values, value];
	}

	toggleFlag(flag: Flag): void {
		this.flags ^= FLAGS[flag];
	}

	/** By a column: descending, ascending, and then as they came. */
	sortBy(by: 'length' | 'created' | 'quality'): void {
		if (this.sort?.by !== by) this.sort = { by, descending: by !== 'quality' };
		else if (this.sort.descending === (by !== 'quality'))
			this.sort = { by, descending: !this.sort.descending };
		else this.sort = undefined;
	}

	clear(): void {
		this.text = '';
		this.flags = 0;
		for (const facet of Object.keys(this.facets) as Facet[]) this.facets[facet] = [];
	}
}

export function labelOf(facet: Facet, value: string): string {
	switch (facet) {
		case 'kinds':
			return KIND_NAMES[value as Kind];
		case 'contributors':
			return nameOf(value as Hex);
		case 'licences':
			return value === '' ? 'No licence' : licenceName(value);
		case 'languages':
			return value === '' ? 'No language stated' : languageName(value);
		case 'sources':
			return value === '' ? 'No source' : value;
		case 'tags':
			return value;
	}
}
