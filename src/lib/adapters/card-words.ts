import { describeSource } from '#workers/adapters/link.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { openAmount, shorten } from '../chain/amounts.ts';
import { heard } from '../i18n/words.ts';
import { bytes, decimal, plural } from '../ui/format.ts';
import type { ChainModel } from './on-chain.svelte.ts';

/** What the cards of adapters say: shown there, and found by the search. */

/** @param indexed rows whose influence can be measured, where it has an index */
export function factsOf(
	adapter: AdapterEntry,
	indexed: number | undefined,
	registered: ChainModel[]
): string[] {
	return [
		adapter.author ?? '',
		`rank ${adapter.rank}`,
		plural(adapter.targetModules.length, ['module', 'modules']),
		bytes(adapter.bytes),
		adapter.licence ?? '',
		indexed === undefined ? '' : `${plural(indexed, ['row', 'rows'])} indexed`,
		...registered.map(({ network, model }) => `model ${model.id} on ${network.name}`)
	].filter(Boolean);
}

/** How it does against its base, as its maker measured it. */
export function lossOf({ evaluation }: AdapterEntry): string | undefined {
	if (!evaluation) return undefined;
	const { baseLoss, adapterLoss, rows } = evaluation;
	return `Loss on ${rows} held-out rows: ${decimal(adapterLoss, 2)}, base ${decimal(baseLoss, 2)}`;
}

/** Why it cannot be used with the model that is loaded. */
export function reasonOf({ fits, reason }: AdapterEntry): string | undefined {
	return fits ? undefined : reason ? heard(reason) : 'Made for another base model.';
}

/**
 * What is searched of an adapter on this device: its card, where it is from, what it was made of, and whose it is.
 * @param base the name of the loaded model, or why that is not its base
 */
export function wordsOfAdapter(
	adapter: AdapterEntry,
	{ indexed, registered, base = '' }: { indexed?: number; registered: ChainModel[]; base?: string }
): string[] {
	const { name, summary, origin, datanets, parents } = adapter;
	return [
		name,
		summary,
		...factsOf(adapter, indexed, registered),
		lossOf(adapter) ?? '',
		adapter.base,
		base,
		origin ? describeSource(origin) : '',
		...datanets.map((datanet) => datanet.name),
		...parents.flatMap((parent) => [parent.name, ...parent.datanets.map((datanet) => datanet.name)]),
		...registered.flatMap(({ model }) => [model.owner, shorten(model.owner)])
	];
}

export const nameOfModel = ({ model, network }: ChainModel) => `Model ${model.id} on ${network.name}`;

export function factsOfModel({ model }: ChainModel): string[] {
	return [
		`by ${shorten(model.owner)}`,
		model.price === 0n ? 'free' : `${openAmount(model.price)} OPEN for 1,000 tokens`,
		...(model.status === 1 ? ['paused'] : [])
	];
}

/** What is searched of a registered adapter that is not on this device. */
export function wordsOfModel(entry: ChainModel): string[] {
	return [nameOfModel(entry), ...factsOfModel(entry), entry.model.location, entry.model.owner];
}
