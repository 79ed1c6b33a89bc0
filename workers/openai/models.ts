import type { AdapterEntry, GenerateRequest, LoadedModel } from '#workers/protocol.ts';
import { ApiError } from './error.ts';

/** A name of `GET /v1/models` and what it stands for. */
export interface ServedModel {
	/** `bundled:nano`, or with an adapter `bundled:nano+Anatomy`; where two adapters share a name, with its id instead. */
	id: string;
	ownedBy: string;
	adapters: GenerateRequest['adapters'];
}

/** What can be asked for now: the loaded model, and each adapter that fits it. */
export function servedModels(loaded: LoadedModel, adapters: readonly AdapterEntry[]): ServedModel[] {
	const fitting = adapters.filter(({ fits }) => fits);
	const count = (name: string) => fitting.filter((adapter) => adapter.name === name).length;
	return [
		{ id: loaded.id, ownedBy: 'openledger', adapters: [] },
		...fitting.map(({ id, name, author }) => ({
			id: `${loaded.id}+${count(name) === 1 ? name : id}`,
			ownedBy: author ?? 'unknown',
			adapters: [{ id, weight: 1 }]
		}))
	];
}

/**
 * Finds what a caller means: a listed id, or an adapter's name or id alone.
 * @throws ApiError 404 that lists what there is
 */
export function findServed(models: readonly ServedModel[], asked: string): ServedModel {
	const found =
		models.find(({ id }) => id === asked) ??
		models.find(({ id, adapters: [adapter] }) => adapter?.id === asked || id.endsWith(`+${asked}`));
	if (found) return found;
	const names = models.map(({ id }) => `'${id}'`).join(', ');
	throw new ApiError(404, `The model '${asked}' is not loaded. This tab serves ${names}.`, {
		code: 'model_not_found',
		param: 'model'
	});
}
