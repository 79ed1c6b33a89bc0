import type { ModelEntry } from '#workers/protocol.ts';

/** The same model in its precisions, the one to offer first in front. */
export function groupVariants(entries: readonly ModelEntry[], loaded: string | undefined): ModelEntry[][] {
	const groups = Map.groupBy(entries, (entry) => `${entry.source} ${entry.name}`);
	return [...groups.values()].map((group) =>
		group.toSorted((a, b) => rank(b, loaded) - rank(a, loaded) || (a.memoryBytes ?? 0) - (b.memoryBytes ?? 0))
	);
}

/** In use, then stored, then begun, then whatever runs here without a warning. */
function rank(entry: ModelEntry, loaded: string | undefined): number {
	if (entry.id === loaded) return 4;
	if (entry.stored === 'complete') return 3;
	if (entry.stored === 'partial') return 2;
	return entry.warning ? 0 : 1;
}
