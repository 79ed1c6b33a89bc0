import type { AdapterEntry, GenerateRequest, LoadedModel } from '#workers/protocol.ts';
import { ApiError } from './error.ts';

/** An id of `GET /v1/models` and what it stands for. */
export interface ServedModel {
	/**
	 * `bundled:nano`; with an adapter that comes with the app `bundled:nano+Anatomy`; with any other `bundled:nano+Hearts@` and the first
	 * digits of its hash. So an id says the same whatever else is on the device: anybody may call an adapter anything, but not have another's hash.
	 */
	id: string;
	/** What else it may be asked for by, as long as no other is called the same. */
	names: string[];
	ownedBy: string;
	adapters: GenerateRequest['adapters'];
}

/** 64 bits: to find another adapter with the same takes decades. */
const DIGITS = 16;

/** What can be asked for now: the loaded model, and each adapter that fits it. */
export function servedModels(loaded: LoadedModel, adapters: readonly AdapterEntry[]): ServedModel[] {
	const base = loaded.id;
	return [
		{ id: base, names: [loaded.name], ownedBy: 'openledger', adapters: [] },
		...adapters
			.filter(({ fits }) => fits)
			.map(({ id, name, author, source }) => ({
				id: source === 'bundled' ? `${base}+${name}` : `${base}+${name}@${id.slice(0, DIGITS)}`,
				names: [name, `${base}+${name}`],
				ownedBy: author ?? 'unknown',
				adapters: [{ id, weight: 1 }]
			}))
	];
}

/**
 * Finds what a caller means: a listed id, an adapter's hash, or a name that one alone has.
 * @throws ApiError 404 that lists what there is, or those that share the name
 */
export function findServed(models: readonly ServedModel[], asked: string): ServedModel {
	const ways: ((model: ServedModel) => boolean)[] = [
		({ id }) => id === asked,
		({ adapters: [adapter] }) => adapter?.id === asked,
		({ names }) => names.includes(asked)
	];
	const found = ways.map((is) => models.filter(is)).find(({ length }) => length > 0) ?? [];
	const [only, ...others] = found;
	if (only && others.length === 0) return only;
	const list = (some: readonly ServedModel[]) => some.map(({ id }) => `'${id}'`).join(', ');
	const why = only
		? `Several models are called '${asked}'. Ask for one of them: ${list(found)}.`
		: `The model '${asked}' is not loaded. This tab serves ${list(models)}.`;
	throw new ApiError(404, why, { code: 'model_not_found', param: 'model' });
}
