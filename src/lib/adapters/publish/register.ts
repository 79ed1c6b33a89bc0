import { encodeFunctionData, zeroHash, type Hex } from 'viem';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ModelRecord } from '#workers/ledger/book.ts';
import type { Source } from '#workers/ledger/events.ts';
import { readBlock } from '#workers/ledger/rpc.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { datanetsAbi } from '../../../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../../../contracts-abi/abi/Models.ts';
import { rulesAbi } from '../../../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../../../contracts-abi/abi/Settlement.ts';
import { books } from '../../ledger/connection.ts';
import { coreCall } from '../../ledger/core-call.ts';
import { read, type Network, type TitledCall } from '../../ledger/network.ts';

/** A Datanet's version of the chain, and how many of its rows were learnt. */
interface Trained {
	datanet: number;
	version: number;
	rows: number;
}

/** What a registration will say, and what it costs. */
export interface RegistrationPlan {
	network: Network;
	/** The registered base model. */
	base: number;
	/** The registered adapter that this one goes on from, 0 for none. */
	parent: number;
	/** Datanet versions of the chain that it, or what it goes on from, was trained on. */
	known: Trained[];
	/** Names of Datanets that it was trained on so and that this chain does not know: they earn nothing there. */
	unknown: string[];
	/** Those of them that are on this device: their roots can be published along with it. */
	publishable: NewVersion[];
	/** Who would be named for the rows: a contributor number of the account, 0 where it has none yet. */
	contributor: number;
	/** How many of each the chain has: the next gets the next number. */
	counts: { people: number; datanets: number };
	/** Wei: what registering takes from the prepaid balance, what opening a Datanet takes, and what can be spent. */
	fee: bigint;
	datanetFee: bigint;
	free: bigint;
	/** These weights are registered already. */
	existing?: ModelRecord;
}

/** A Datanet's version on this device, with what of it is the person's own. */
export interface OwnVersion {
	name: string;
	/** Merkle root, and those of its earlier versions. */
	root: Hex;
	earlier: Hex[];
	rows: number;
	/** Rows by the person who publishes, who is named for them. */
	own: number;
}

export interface NewVersion extends OwnVersion {
	/** The Datanet of the chain that it is the next version of; 0: one that is opened. */
	datanet: number;
	version: number;
	/** Static units that the contributor holds in it. */
	held: bigint;
}

/** The whole, in 1/10,000. */
const WHOLE = 10_000;
/** Versions of a Datanet that are looked through, the newest first. */
const MOST_VERSIONS = 50;

/**
 * Looks up what a registration needs: base and parent by their hashes, Datanets by the roots of their versions.
 * @param own versions on this device of the Datanets that it was trained on
 * @throws OpenLedgerError `adapter/wrong-base` where the base is not registered there, `wallet/disconnected`, `ledger/*`
 */
export async function planRegistration(
	network: Network,
	adapter: Pick<AdapterEntry, 'baseHashes' | 'datanets' | 'files' | 'parents'>,
	own: readonly OwnVersion[] = []
): Promise<RegistrationPlan> {
	const { account, chain, request } = network;
	if (!account)
		throw new OpenLedgerError('wallet/disconnected', 'No wallet is connected.', {
			remedy: 'Connect one, or use the sandbox.'
		});
	const head = await readBlock(request, 'latest');
	const { models, datanets, owners } = await books(network, (service, source) =>
		service.sync('register', source, head?.time ?? 0)
	);
	const base = models.find((model) => model.base === 0 && adapter.baseHashes.includes(model.hash.slice(2)));
	if (!base)
		throw new OpenLedgerError('adapter/wrong-base', `Its base model is not registered on ${network.name}.`, {
			remedy: 'Whoever made the base has to register it first, so that it gets its share.'
		});
	const [near] = adapter.parents;
	const parent = models.find((model) => model.base === base.id && model.hash.slice(2) === near?.weights);
	const find = (root: string | undefined) => root && versionOf(network, datanets.length, root as Hex);
	const known: (Trained & { root?: string })[] = [];
	const unknown: string[] = [];
	const before = adapter.parents.flatMap((each) => each.datanets);
	const inherited = parent ? inheritedFrom(await sourcesOn(network, parent.id), before) : [];
	// Where the chain knows what it goes on from, that says whom its rows are by; else their roots do.
	for (const each of [...adapter.datanets, ...(inherited.length ? [] : before)]) {
		const found = await find(each.root);
		if (found) known.push({ ...found, rows: each.rows, root: each.root });
		else unknown.push(each.name);
	}
	const contributor = owners.findIndex((owner) => owner.toLowerCase() === account.toLowerCase()) + 1;
	const publishable: NewVersion[] = [];
	for (const version of own) {
		if (known.some(({ root }) => root === version.root)) continue;
		const last = await firstOf(version.earlier, (root) => versionOf(network, datanets.length, root));
		const record = last && datanets[last.datanet - 1];
		const goesOn = record && record.curator.toLowerCase() === account.toLowerCase() ? last : undefined;
		publishable.push({
			...version,
			datanet: goesOn?.datanet ?? 0,
			version: goesOn ? goesOn.newest + 1 : 1,
			held: (goesOn && record?.holdings.get(contributor)) ?? 0n
		});
	}
	const core = { address: chain.addresses.settlement, abi: settlementAbi } as const;
	const [free, version] = await Promise.all([
		read(request, { ...core, functionName: 'accountOf', args: [account] }).then(([, spendable]) => spendable),
		read(request, { ...core, functionName: 'rulesInForce' })
	]);
	const rules = { address: chain.addresses.rules, abi: rulesAbi } as const;
	const { modelFee: fee, datanetFee } = await read(request, {
		...rules,
		functionName: 'version',
		args: [BigInt(version)]
	});
	return {
		network,
		base: base.id,
		parent: parent?.id ?? 0,
		known: [...known, ...inherited],
		unknown,
		publishable,
		contributor,
		counts: { people: owners.length, datanets: datanets.length },
		fee,
		datanetFee,
		free,
		existing: models.find(({ hash }) => hash.slice(2) === adapter.files.weights)
	};
}

/** What a model of the chain says that it stands on, with the rows of each version as they were published. */
async function sourcesOn({ chain, request }: Network, model: number): Promise<(Source & { rows: number })[]> {
	const contract = { address: chain.addresses.models, abi: modelsAbi } as const;
	const versions = {
		address: chain.addresses.datanets,
		abi: datanetsAbi,
		functionName: 'versionOf'
	} as const;
	const [, sources] = await read(request, { ...contract, functionName: 'lineage', args: [model] });
	return Promise.all(
		sources.map(async (source) => {
			const { rows } = await read(request, { ...versions, args: [source.datanet, source.version] });
			return { ...source, rows: Number(rows) };
		})
	);
}

/**
 * The sources of a parent, with its rows divided by their shares: as if the adapter had been trained on all of it in one go.
 * @param before what it and those before it learnt, as the manifest says; where that says nothing, all rows of its sources are taken
 */
export function inheritedFrom(
	sources: readonly (Source & { rows: number })[],
	before: readonly { rows: number }[]
): Trained[] {
	const sum = (list: readonly { rows: number }[]) => list.reduce((total, each) => total + each.rows, 0);
	const rows = sum(before) || sum(sources);
	return sources.map(({ datanet, version, share }) => ({ datanet, version, rows: (rows * share) / WHOLE }));
}

/** Whom the rows of a paid reply are by, as the registration will say: 1/10,000 for each Datanet. */
export function sourcesOf(plan: RegistrationPlan, publish: boolean): Source[] {
	return sharesOf([...plan.known, ...(publish ? publishing(plan).known : [])]);
}

async function firstOf<Item, Found>(
	items: readonly Item[],
	find: (item: Item) => Promise<Found | undefined>
) {
	for (const item of items) {
		const found = await find(item);
		if (found) return found;
	}
	return undefined;
}

/** The Datanet and version with this root; undefined where none has it. */
async function versionOf({ chain, request }: Network, count: number, root: Hex) {
	const contract = { address: chain.addresses.datanets, abi: datanetsAbi } as const;
	for (let datanet = 1; datanet <= count; datanet++) {
		const { versions } = await read(request, { ...contract, functionName: 'datanet', args: [datanet] });
		for (let version = versions; version > Math.max(0, versions - MOST_VERSIONS); version--) {
			const found = await read(request, { ...contract, functionName: 'versionOf', args: [datanet, version] });
			if (found.root === root) return { datanet, version, newest: versions };
		}
	}
	return undefined;
}

/** Datanets that `Models.register` takes at most: those with the most rows. */
const MOST_SOURCES = 16;

/** Shares by rows, adding up to the whole (largest remainder), one for each Datanet, ascending: what `Models.register` takes. */
export function sharesOf(known: readonly Trained[]): Source[] {
	const byDatanet = new Map<number, { version: number; rows: number }>();
	for (const { datanet, version, rows } of known) {
		const before = byDatanet.get(datanet);
		byDatanet.set(datanet, {
			version: Math.max(version, before?.version ?? 0),
			rows: Math.max(1, rows) + (before?.rows ?? 0)
		});
	}
	const most = [...byDatanet].sort(([, a], [, b]) => b.rows - a.rows).slice(0, MOST_SOURCES);
	const total = most.reduce((sum, [, { rows }]) => sum + rows, 0);
	const parts = most.map(([datanet, { version, rows }]) => {
		const exact = (rows * WHOLE) / total;
		return { datanet, version, share: Math.floor(exact), rest: exact % 1 };
	});
	let left = WHOLE - parts.reduce((sum, { share }) => sum + share, 0);
	for (const part of [...parts].sort((a, b) => b.rest - a.rest || a.datanet - b.datanet))
		if (left-- > 0) part.share++;
	// A share of nothing is refused by the contract.
	return parts
		.filter(({ share }) => share > 0)
		.sort((a, b) => a.datanet - b.datanet)
		.map(({ datanet, version, share }) => ({ datanet, version, share }));
}

/** What is registered, and its terms. */
export interface Terms {
	/** SHA-256 (hex) of weights and of openledger.json; root of the attribution index, where there is one. */
	weights: string;
	manifest: string;
	index?: string;
	/** Wei for 1,000 tokens. */
	price: bigint;
	/** Tokens a day that a payer may use without a deposit. */
	allowance: bigint;
	/** Where the files are, as `parseAdapterLink` takes it; '' for nowhere. */
	location: string;
}

/**
 * The calls that register it: the deposit of the fees where it is missing, the Datanets that are published along with it, each with
 * static units for the person's own rows, then the registration. Numbers are those that come next: should somebody else be faster, the
 * chain refuses what follows, and only what it had done stays.
 * @param publish whether what is publishable is published
 */
export function registrationCalls(
	plan: RegistrationPlan,
	name: string,
	terms: Terms,
	publish = false
): TitledCall[] {
	const { network, base, parent } = plan;
	const { weights, manifest, index, price, allowance, location } = terms;
	const hashes = [`0x${weights}`, `0x${manifest}`, (index ?? zeroHash) as Hex] as const;
	const calls = publish ? publishing(plan).calls : [];
	const sources = sourcesOf(plan, publish);
	const data = encodeFunctionData({
		abi: modelsAbi,
		functionName: 'register',
		args: [base, parent, hashes as unknown as readonly [Hex, Hex, Hex], sources, price, allowance, location]
	});
	const missing = missingOf(plan, publish);
	return [
		...(missing > 0n ? [{ title: 'Deposit the fees', ...coreCall(network, 'deposit', [], missing) }] : []),
		...calls,
		{ title: `Register ${name}`, to: network.chain.addresses.models, data }
	];
}

/** Wei: all that is taken, and what of it is not in the prepaid balance. */
export function feesOf({ fee, datanetFee, publishable }: RegistrationPlan, publish: boolean): bigint {
	return (
		fee + (publish ? BigInt(publishable.filter(({ datanet }) => datanet === 0).length) * datanetFee : 0n)
	);
}

export function missingOf(plan: RegistrationPlan, publish: boolean): bigint {
	const fees = feesOf(plan, publish);
	return fees > plan.free ? fees - plan.free : 0n;
}

function publishing({ network, publishable, contributor, counts }: RegistrationPlan) {
	const { datanets } = network.chain.addresses;
	const calls: TitledCall[] = [];
	const known: Trained[] = [];
	let who = contributor;
	let opened = counts.datanets;
	const call = (title: string, data: Hex) => calls.push({ title, to: datanets, data });
	for (const { name, root, rows, own, held, datanet, version } of publishable) {
		const id = datanet || ++opened;
		if (datanet === 0)
			call(
				`Open the Datanet ${name}`,
				encodeFunctionData({ abi: datanetsAbi, functionName: 'create', args: [name] })
			);
		call(
			`Publish ${name}`,
			encodeFunctionData({ abi: datanetsAbi, functionName: 'publish', args: [id, root, BigInt(rows), ''] })
		);
		if (BigInt(own) > held) {
			if (who === 0) {
				who = counts.people + 1;
				const title = 'Register as a contributor';
				calls.push({ title, ...coreCall(network, 'register', [network.account]) });
			}
			call(
				`Name yourself in ${name}`,
				encodeFunctionData({ abi: datanetsAbi, functionName: 'grant', args: [id, [who], [BigInt(own)]] })
			);
		}
		known.push({ datanet: id, version, rows });
	}
	return { calls, known };
}
