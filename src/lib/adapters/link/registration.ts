import type { Hex } from 'viem';
import { readBlock } from '#workers/ledger/rpc.ts';
import type { ModelRecord } from '#workers/ledger/book.ts';
import { knownNetworks, type Network } from '../../chain/network.ts';
import { sandboxRequest } from '../../chain/sandbox.ts';
import { books } from '../../ledger/connection.ts';

/** What of an adapter a registry names, as far as it is known; hexadecimal without 0x but for the index. */
export interface Fingerprints {
	/** SHA-256 of the weights. */
	weights?: string;
	/** SHA-256 of openledger.json. */
	manifest?: string;
	/** Root of the attribution index. */
	index?: string;
}

/** How an adapter stands with one chain. */
export type Registration = { network: Pick<Network, 'id' | 'name' | 'play'> } & (
	| { state: 'registered'; model: ModelRecord }
	/** The chain knows this model by other files: `parts` says which differ. */
	| { state: 'mismatch'; model: ModelRecord; parts: ('weights' | 'manifest' | 'index')[] }
	| { state: 'none' }
	/** Neither the source nor the link says what the weights are; known once they are fetched. */
	| { state: 'unstated' }
	| { state: 'unreadable' }
);

/** The model that a link says it leads to. */
export interface NamedModel {
	chain: number;
	id: number;
}

/**
 * Looks an adapter up in the registry of every network that this browser knows, without a wallet. Never rejects: a network that
 * cannot be read says so.
 * @param named the model that the link names: then that one must have these files
 */
export function lookUpRegistrations(found: Fingerprints, named?: NamedModel): Promise<Registration[]> {
	return Promise.all(
		knownNetworks().map(async (network): Promise<Registration> => {
			try {
				const id = named?.chain === network.id ? named.id : undefined;
				return { network, ...compare(await readModels(network), found, id) };
			} catch {
				return { network, state: 'unreadable' };
			}
		})
	);
}

/** Models of a network, in the order of their registration. Throws `ledger/…`. */
export async function readModels(network: Network): Promise<ModelRecord[]> {
	const request = network.rpc ? unused : sandboxRequest;
	const head = network.rpc ? undefined : await readBlock(request, 'latest');
	const reading = { chain: network, url: network.rpc, request };
	const now = head?.time ?? Math.floor(Date.now() / 1000);
	return (await books(reading, (service, source) => service.sync('registrations', source, now))).models;
}

/** A network with an address is read by the worker itself. */
const unused = () => Promise.reject(new TypeError('unused'));

/** What a model is known by. */
type Named = Pick<ModelRecord, 'id' | 'hash' | 'manifest' | 'index'>;

type Outcome<Model> =
	| { state: 'registered'; model: Model }
	| { state: 'mismatch'; model: Model; parts: ('weights' | 'manifest' | 'index')[] }
	| { state: 'none' | 'unstated' };

/**
 * Holds an adapter against a registry. Of several registrations of the same weights the one that matches wholly counts, else the
 * first. @param id the model that it must be
 */
export function compare<Model extends Named>(
	models: readonly Model[],
	found: Fingerprints,
	id?: number
): Outcome<Model> {
	if (id !== undefined) {
		const model = models.find((each) => each.id === id);
		if (!model) return { state: 'none' };
		if (found.weights === undefined) return { state: 'unstated' };
		const parts = differing(model, found);
		return parts.length ? { state: 'mismatch', model, parts } : { state: 'registered', model };
	}
	if (found.weights === undefined) return { state: 'unstated' };
	const same = models.filter(({ hash }) => hash.slice(2) === found.weights);
	const [first] = same;
	if (!first) return { state: 'none' };
	const whole = same.find((model) => differing(model, found).length === 0);
	return whole
		? { state: 'registered', model: whole }
		: { state: 'mismatch', model: first, parts: differing(first, found) };
}

/**
 * What a registration leaves open (zero) is not held against anybody. An adapter without a manifest is not one that was registered
 * with one: the manifest names the configuration, and the same weights under another compute something else.
 */
function differing({ hash, manifest, index }: Named, found: Fingerprints) {
	const differs = (registered: Hex, mine: string | undefined) =>
		mine !== undefined && BigInt(registered) !== 0n && registered.slice(2) !== mine.replace(/^0x/, '');
	const parts = {
		weights: differs(hash, found.weights),
		manifest: differs(manifest, found.manifest ?? ''),
		index: differs(index, found.index)
	};
	return (Object.keys(parts) as (keyof typeof parts)[]).filter((part) => parts[part]);
}
