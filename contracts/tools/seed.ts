import { readFileSync } from 'node:fs';
import { parseEther, sha256, zeroHash, type Abi, type Address, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { datanetsAbi } from '../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../contracts-abi/abi/Models.ts';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { stakingAbi } from '../../contracts-abi/abi/Staking.ts';
import { people, personKey } from '../../workers/chain/people.ts';
import { rewardKey } from '../client/keys.ts';
import type { Addresses } from '../deploy/plan.ts';

/** Sends a signed call from a person of the sandbox and waits for its block. */
export type Write = (key: Hex, to: Address, abi: Abi, functionName: string, args: readonly unknown[], value?: bigint) => Promise<void>;

type Name = (typeof people)[number]['name'];

/** SHA-256 of the bundled model, as its manifest under static/ names it. */
const nano: Hex = '0xb4435d0d096f02e6beec55eeb28f302c46b126466941dcd6064bea607673dc5e';

type Files = [weights: Hex, manifest: Hex, index: Hex];

/** An example adapter as it ships: SHA-256 of its weights and its manifest, and the root of its attribution index. */
function shipped(name: string): Files {
	const read = (file: string) => readFileSync(new URL(`../../static/adapters/${name}/${file}`, import.meta.url));
	const manifest = read('openledger.json');
	const { indexRoot } = JSON.parse(manifest.toString()) as { indexRoot: Hex };
	return [sha256(read('adapter_model.safetensors')), sha256(manifest), indexRoot];
}

/**
 * The sandbox's people (contributor ids 1 to 8 in their order), two Datanets with versions and static units, the base model
 * and two adapters over it (models 1, 2, 3), stakes, and prepaid balances.
 */
export async function seed(addresses: Addresses, write: Write): Promise<void> {
	const { settlement, datanets, models, staking } = addresses;
	const key = (name: Name) => personKey(name);
	const id = (name: Name) => people.findIndex((person) => person.name === name) + 1;
	const by = (name: Name, to: Address, abi: Abi, fn: string, args: readonly unknown[], value?: bigint) =>
		write(key(name), to, abi, fn, args, value);

	for (const { name } of people) await by(name, settlement, settlementAbi, 'register', [privateKeyToAccount(key(name)).address]);
	for (const name of ['Amara Obi', 'Ben Krause', 'Farid Nasser', 'Grace Mwangi', 'Hugo Silva'] as const)
		await by(name, settlement, settlementAbi, 'deposit', [], parseEther('500'));

	const open = async (datanet: number, curator: Name, title: string, root: Hex, rows: bigint, units: [Name, bigint][]) => {
		await by(curator, datanets, datanetsAbi, 'create', [title]);
		await by(curator, datanets, datanetsAbi, 'publish', [datanet, root, rows, 'sample:']);
		const grants = units.map(([name, count]) => [id(name), count] as const).sort(([a], [b]) => a - b);
		await by(curator, datanets, datanetsAbi, 'grant', [datanet, grants.map(([who]) => who), grants.map(([, count]) => count)]);
	};
	await open(1, 'Amara Obi', 'Principles of Finance, definitions', '0x941ce83a6f8d3794491fbd7ed81a4eced35a303a8ca9114b3bb6d41169365182', 364n, [
		['Amara Obi', 120n],
		['Chiara Longo', 164n],
		['Dae Park', 80n]
	]);
	await open(2, 'Ben Krause', 'Anatomy and Physiology 2e, definitions', '0xd65baa98767c4d6e6fd0096f9f5055995178ddde7dd805e1454cf020d2e2b3b6', 2_522n, [
		['Ben Krause', 1_000n],
		['Dae Park', 322n],
		['Elif Kaya', 1_200n]
	]);

	const register = (owner: Name, base: number, files: Files, datanet: number, price: bigint) =>
		by(owner, models, modelsAbi, 'register', [
			base,
			0,
			files,
			datanet ? [{ datanet, version: 1, share: 10_000 }] : [],
			price,
			datanet ? 2_000n : 0n,
			'sample:'
		]);
	await register('Hugo Silva', 0, [nano, zeroHash, zeroHash], 0, 0n);
	await register('Amara Obi', 1, shipped('finance'), 1, parseEther('0.5'));
	await register('Ben Krause', 1, shipped('anatomy'), 2, parseEther('0.4'));
	for (const [owner, model] of [
		['Amara Obi', 2],
		['Ben Krause', 3]
	] as const)
		await by(owner, models, modelsAbi, 'setHost', [model, id('Farid Nasser'), true, 'sample:']);
	await by('Farid Nasser', staking, stakingAbi, 'stake', [rewardKey('modelPool', 2), parseEther('100')]);
	await by('Grace Mwangi', staking, stakingAbi, 'stake', [rewardKey('auditors'), parseEther('100')]);
}

