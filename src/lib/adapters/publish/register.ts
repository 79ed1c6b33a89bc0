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

/** What a registration will say, and what it costs. */
export interface RegistrationPlan {
	network: Network;
	/** The registered base model. */
	base: number;
	/** The registered adapter that this one goes on from, 0 for none. */
	parent: number;
	/** Datanet versions of the chain that it was trained on, with their shares. */
	sources: Source[];
	/** Names of Datanets that it was trained on and that this chain does not know: they earn nothing there. */
	unknown: string[];
	/** Wei: what registering takes from the prepaid balance, and what of that has to be deposited first. */
	fee: bigint;
	missing: bigint;
	/** These weights are registered already. */
	existing?: ModelRecord;
}

/** The whole, in 1/10,000. */
const WHOLE = 10_000;
/** Versions of a Datanet that are looked through, the newest first. */
const MOST_VERSIONS = 50;

/**
 * Looks up what a registration needs: base and parent by their hashes, Datanets by the roots of their versions.
 * @throws OpenLedgerError `adapter/wrong-base` where the base is not registered there, `wallet/disconnected`, `ledger/*`
 */
export async function planRegistration(
	network: Network,
	adapter: Pick<AdapterEntry, 'baseHashes' | 'datanets' | 'files' | 'parents'>
): Promise<RegistrationPlan> {
	const { account, chain, request } = network;
	if (!account)
		throw new OpenLedgerError('wallet/disconnected', 'No wallet is connected.', {
			remedy: 'Connect one, or use the sandbox.'
		});
	const head = await readBlock(request, 'latest');
	const { models, datanets } = await books(network, (service, source) =>
		service.sync('register', source, head?.time ?? 0)
	);
	const base = models.find((model) => model.base === 0 && adapter.baseHashes.includes(model.hash.slice(2)));
	if (!base)
		throw new OpenLedgerError('adapter/wrong-base', `Its base model is not registered on ${network.name}.`, {
			remedy: 'Whoever made the base has to register it first, so that it gets its share.'
		});
	const [near] = adapter.parents;
	const parent = models.find((model) => model.base === base.id && model.hash.slice(2) === near?.sha256);
	const known: (AdapterEntry['datanets'][number] & { datanet: number; version: number })[] = [];
	for (const each of adapter.datanets) {
		const found = each.root && (await versionOf(network, datanets.length, each.root as Hex));
		if (found) known.push({ ...each, ...found });
	}
	const core = { address: chain.addresses.settlement, abi: settlementAbi } as const;
	const [free, version] = await Promise.all([
		read(request, { ...core, functionName: 'accountOf', args: [account] }).then(([, spendable]) => spendable),
		read(request, { ...core, functionName: 'rulesInForce' })
	]);
	const rules = { address: chain.addresses.rules, abi: rulesAbi } as const;
	const { modelFee: fee } = await read(request, {
		...rules,
		functionName: 'version',
		args: [BigInt(version)]
	});
	return {
		network,
		base: base.id,
		parent: parent?.id ?? 0,
		sources: sharesOf(known),
		unknown: adapter.datanets
			.filter(({ root }) => !known.some((each) => each.root === root))
			.map(({ name }) => name),
		fee,
		missing: fee > free ? fee - free : 0n,
		existing: models.find(({ hash }) => hash.slice(2) === adapter.files.weights)
	};
}

/** The Datanet and version with this root; undefined where none has it. */
async function versionOf({ chain, request }: Network, count: number, root: Hex) {
	const contract = { address: chain.addresses.datanets, abi: datanetsAbi } as const;
	for (let datanet = 1; datanet <= count; datanet++) {
		const { versions } = await read(request, { ...contract, functionName: 'datanet', args: [datanet] });
		for (let version = versions; version > Math.max(0, versions - MOST_VERSIONS); version--) {
			const found = await read(request, { ...contract, functionName: 'versionOf', args: [datanet, version] });
			if (found.root === root) return { datanet, version };
		}
	}
	return undefined;
}

/** Shares by rows, adding up to the whole (largest remainder), one for each Datanet, ascending: what `Models.register` takes. */
export function sharesOf(known: readonly { datanet: number; version: number; rows: number }[]): Source[] {
	const byDatanet = new Map<number, { version: number; rows: number }>();
	for (const { datanet, version, rows } of known) {
		const before = byDatanet.get(datanet);
		byDatanet.set(datanet, {
			version: Math.max(version, before?.version ?? 0),
			rows: Math.max(1, rows) + (before?.rows ?? 0)
		});
	}
	const total = [...byDatanet.values()].reduce((sum, { rows }) => sum + rows, 0);
	const parts = [...byDatanet].map(([datanet, { version, rows }]) => {
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

/** The calls that register it: the deposit of the fee where it is missing, then the registration. */
export function registrationCalls(plan: RegistrationPlan, name: string, terms: Terms): TitledCall[] {
	const { network, base, parent, sources, missing } = plan;
	const { weights, manifest, index, price, allowance, location } = terms;
	const hashes = [`0x${weights}`, `0x${manifest}`, (index ?? zeroHash) as Hex] as const;
	const data = encodeFunctionData({
		abi: modelsAbi,
		functionName: 'register',
		args: [base, parent, hashes as unknown as readonly [Hex, Hex, Hex], sources, price, allowance, location]
	});
	const register = { title: `Register ${name}`, to: network.chain.addresses.models, data };
	if (missing === 0n) return [register];
	return [{ title: 'Deposit the fee', ...coreCall(network, 'deposit', [], missing) }, register];
}
