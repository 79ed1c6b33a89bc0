import {
	createPublicClient,
	createWalletClient,
	http,
	parseEther,
	encodeFunctionData,
	keccak256,
	stringToHex,
	zeroHash,
	type Abi,
	type Address,
	type Hex,
	type TransactionReceipt
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { datanetsAbi } from '../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../contracts-abi/abi/Models.ts';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { deploy } from '../deploy/deploy.ts';
import { startAnvil } from './anvil.mjs';

/** Anvil's first unlocked account, as every local chain has it. */
const deployerKey: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

export type LocalChain = Awaited<ReturnType<typeof startLocalChain>>;

/** Anvil with the contracts deployed, for benches and tests. Any address can send: nothing is signed. */
export async function startLocalChain(args: string[] = []) {
	const anvil = await startAnvil(['--auto-impersonate', ...args]);
	const transport = http(anvil.url, { timeout: 120_000 });
	const publicClient = createPublicClient({ transport, pollingInterval: 10, cacheTime: 0 });
	const walletClient = createWalletClient({ account: privateKeyToAccount(deployerKey), transport });
	const addresses = await deploy({ publicClient, walletClient });
	const rpc = (method: string, params: unknown[]): Promise<unknown> =>
		publicClient.request({ method, params } as Parameters<typeof publicClient.request>[0]);

	/** Anvil mines at once; its receipt may still be some milliseconds late. */
	async function mined(hash: Hex): Promise<TransactionReceipt> {
		for (let tries = 0; tries < 1000; tries++) {
			const receipt = await publicClient.getTransactionReceipt({ hash }).catch(() => undefined);
			if (receipt) return receipt;
			await new Promise((resolve) => setTimeout(resolve, 2 + tries));
		}
		throw new Error(`${hash} was not mined`);
	}

	/** Sends from any address and returns the receipt; throws where it reverted. */
	async function send(from: Address, to: Address, data: Hex, value = 0n): Promise<TransactionReceipt> {
		const call = { from, to, data, value: `0x${value.toString(16)}`, gas: '0x1c9c380' };
		const hash = (await rpc('eth_sendTransaction', [call])) as Hex;
		const receipt = await mined(hash);
		if (receipt.status !== 'success') {
			await publicClient.call({ account: from, to, data, value });
			throw new Error(`${hash} reverted`);
		}
		return receipt;
	}

	/** Calls a function of a contract from any address; the abi's own types are checked by viem at run time. */
	function write(from: Address, to: Address, abi: Abi, functionName: string, args: readonly unknown[] = [], value = 0n) {
		return send(from, to, encodeFunctionData({ abi, functionName, args }), value);
	}

	async function fund(account: Address, amount: bigint): Promise<void> {
		await rpc('anvil_setBalance', [account, `0x${(amount + parseEther('10')).toString(16)}`]);
		await write(account, addresses.settlement, settlementAbi, 'deposit', [], amount);
	}

	async function pass(seconds: number): Promise<void> {
		await rpc('evm_increaseTime', [seconds]);
		await rpc('evm_mine', []);
	}

	return {
		url: anvil.url,
		addresses,
		publicClient,
		walletClient,
		send,
		write,
		fund,
		pass,
		stop: anvil.stop,
		owner: walletClient.account.address
	};
}

/** An address that nobody holds the key of. */
export function someone(name: string): Address {
	return `0x${keccak256(stringToHex(name)).slice(26)}`;
}

/**
 * Registers `count` contributors, two Datanets in which all hold units, a base model and an adapter over it (model ids 1 and 2).
 * Contributor i belongs to someone(`person i`).
 */
export async function populate(chain: LocalChain, count: number, index: Hex = zeroHash): Promise<void> {
	const { addresses, write, fund } = chain;
	const { settlement, datanets, models } = addresses;
	const curator = someone('curator');
	await fund(curator, parseEther('1000'));
	for (let from = 1; from <= count; from += 200) {
		const calls = Array.from({ length: Math.min(200, count - from + 1) }, (_, i) =>
			encodeFunctionData({ abi: settlementAbi, functionName: 'register', args: [someone(`person ${from + i}`)] })
		);
		await write(curator, settlement, settlementAbi, 'multicall', [calls]);
	}
	for (const id of [1, 2]) {
		await write(curator, datanets, datanetsAbi, 'create', [`Datanet ${id}`]);
		await write(curator, datanets, datanetsAbi, 'publish', [id, keccak256(stringToHex(`rows ${id}`)), 100n, 'local:']);
		for (let from = 1; from <= count; from += 200) {
			const people = Array.from({ length: Math.min(200, count - from + 1) }, (_, i) => from + i);
			await write(curator, datanets, datanetsAbi, 'grant', [id, people, people.map((person) => BigInt(1 + (person % 9)))]);
		}
	}
	const hashes = (name: string) => [keccak256(stringToHex(name)), keccak256(stringToHex(`${name} manifest`)), index];
	const sources = [
		{ datanet: 1, version: 1, share: 6_000 },
		{ datanet: 2, version: 1, share: 4_000 }
	];
	await write(curator, models, modelsAbi, 'register', [0, 0, hashes('base'), [], 0n, 0n, 'local:']);
	await write(curator, models, modelsAbi, 'register', [1, 0, hashes('adapter'), sources, parseEther('1'), 0n, 'local:']);
}
