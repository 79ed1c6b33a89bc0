import type { AdapterEntry, ModelEntry } from '#workers/protocol.ts';

/** The adapters that ship with the app, known before the engine has told, so that the first screen does not change (vite.config.ts). */
declare const SHIPPED_ADAPTERS: readonly Pick<AdapterEntry, 'id' | 'name' | 'examples'>[];
export const shipped = SHIPPED_ADAPTERS;

/** For models of which nothing is known. */
const conversation = [
	'Explain compound interest with an example.',
	'Write a polite reminder about an unpaid invoice.',
	'What is inflation?',
	'Define opportunity cost.'
];

export interface Suggestion {
	text: string;
	/** Id of the adapter that is asked, where the one chosen is not. */
	adapter?: string;
}

const offers: Suggestion[] = interleave(
	shipped.map(({ id, examples = [] }) => examples.map((text) => ({ text, adapter: id })))
).slice(0, 4);

/**
 * Questions to start with, four at most: the chosen adapters' own, else the model's, else what suits it. The bundled model
 * alone can name nobody for what it says, so its first questions go to the adapters that ship with it.
 */
export function suggestions(model: ModelEntry | undefined, chosen: readonly AdapterEntry[]): Suggestion[] {
	const own = interleave(chosen.map(({ examples = [] }) => examples.map((text) => ({ text }))));
	if (own.length) return own.slice(0, 4);
	if (chosen.length === 0 && (!model || model.source === 'bundled')) return offers;
	return (model?.examples ?? conversation).slice(0, 4).map((text) => ({ text }));
}

function interleave<Item>(lists: Item[][]): Item[] {
	const longest = Math.max(0, ...lists.map((list) => list.length));
	return Array.from({ length: longest }, (_, row) => lists.flatMap((list) => list[row] ?? [])).flat();
}
