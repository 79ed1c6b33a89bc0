import type { AdapterEntry, GenerateRequest, LoadedModel } from '#workers/protocol.ts';
import { ApiError } from './error.ts';

/** A name of `GET /v1/models` and what it stands for. */
export interface ServedModel {
	/** `bundled:nano`, or with an adapter `bundled:nano+Anatomy`; where two adapters share a name, with its id instead. */
	id: string;
	/** The same with the adapter's name, which others may have too. */
	name: string;
	ownedBy: string;
	adapters: GenerateRequest['adapters'];
}

/** What can be asked for now: the loaded model, and each adapter that fits it. */
export function servedModels(loaded: LoadedModel, adapters: readonly AdapterEntry[]): ServedModel[] {
	const fitting = adapters.filter(({ fits }) => fits);
	const count = (name: string) => fitting.filter((adapter) => adapter.name === name).length;
	return [
		{ id: loaded.id, name: loaded.id, ownedBy: 'openledger', adapters: [] },
		...fitting.map(({ id, name, author }) => ({
			id: `${loaded.id}+${count(name) === 1 ? name : id}`,
			name: `${loaded.id}+${name}`,
			ownedBy: author ?? 'unknown',
			adapters: [{ id, weight: 1 }]
		}))
	];
}

/**
 * Finds what a caller means: a listed id, or an adapter's name or id alone.
 * @throws ApiError 404 that lists what there is, or those that share the name
 */
export function findServed(models: readonly ServedModel[], asked: string): ServedModel {
	const found =
		models.find(({ id }) => id === asked) ??
		models.find(({ id, adapters: [adapter] }) => adapter?.id === asked || id.endsWith(`+${asked}`));
	if (found) return found;
	const list = (some: readonly ServedModel[]) => some.map(({ id }) => `'${id}'`).join(', ');
	const same = models.filter(({ name }) => name === asked || name.endsWith(`+${asked}`));
	const why =
		same.length > 0
			? `Several adapters are called '${asked}'. Ask for one of them: ${list(same)}.`
			: `The model '${asked}' is not loaded. This tab serves ${list(models)}.`;
	throw new ApiError(404, why, { code: 'model_not_found', param: 'model' });
}
