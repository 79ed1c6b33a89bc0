import type { AdapterEntry, ModelEntry } from '#workers/protocol.ts';

/** What the bundled model was trained for: short definitions in the words of a textbook. */
const definitions = ['What is photosynthesis?', 'Define inflation in economics.', 'What is a cell membrane?'];
const conversation = [
	'Explain compound interest with an example.',
	'Write a polite reminder about an unpaid invoice.'
];

/** Questions to start with: the chosen adapter's own, else what suits the model. */
export function suggestions(model: ModelEntry | undefined, adapters: readonly AdapterEntry[]): string[] {
	const own = interleave(adapters.map((adapter) => adapter.examples ?? []));
	if (own.length) return own.slice(0, 4);
	if (model?.examples?.length) return model.examples.slice(0, 4);
	return model && model.source !== 'bundled' ? [...conversation, ...definitions.slice(0, 2)] : definitions;
}

function interleave(lists: string[][]): string[] {
	const longest = Math.max(0, ...lists.map((list) => list.length));
	return Array.from({ length: longest }, (_, row) => lists.flatMap((list) => list[row] ?? [])).flat();
}
