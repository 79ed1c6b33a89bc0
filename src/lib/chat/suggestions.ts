import type { AdapterEntry, ModelEntry } from '#workers/protocol.ts';

/** The bundled model's own, known here before the engine has told, so that the first screen does not change. */
const definitions = ['What is inflation?', 'Define opportunity cost.', 'What is a mitochondrion?'];
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
