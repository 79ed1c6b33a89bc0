import { createPublicClient, createWalletClient, custom, type Abi, type Address, type Hex, type PublicClient } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { nextHeader, seal } from '../../workers/chain/blocks.ts';
import type { Genesis } from '../../workers/chain/genesis.ts';
import { Machine } from '../../workers/chain/machine.ts';
import { sandboxChain } from '../../workers/chain/network.ts';
import { ALLOWANCE, TAP, people, personKey, tapKey } from '../../workers/chain/people.ts';
import { RpcError } from '../../workers/chain/rpc-error.ts';
import { Sandbox } from '../../workers/chain/sandbox.ts';
import { ChainDb, type Snapshot } from '../../workers/chain/store.ts';
import { deploy } from '../deploy/deploy.ts';
import type { Addresses } from '../deploy/plan.ts';
import { seed } from './seed.ts';

/** When the sandbox begins: any fixed time in the past gives the same snapshot. */
const BEGINNING = Date.UTC(2026, 8, 1);
const NO_CODE: Hex = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470';

/** A chain with nothing on it but money: the tap's and the people's. */
export async function emptyGenesis(): Promise<Genesis> {
	const account = (key: Hex, balance: bigint) =>
		[privateKeyToAccount(key).address.toLowerCase() as Hex, { nonce: 0n, balance, code: NO_CODE }] as [
			Hex,
			{ nonce: bigint; balance: bigint; code: Hex }
		];
	const accounts = [account(tapKey, TAP), ...people.map(({ name }) => account(personKey(name), ALLOWANCE))];
	const state = { accounts, slots: [], codes: [] };
	const { common } = new Machine(async () => undefined);
	const header = nextHeader(undefined, BEGINNING / 1000);
	const block = await seal(header, header.stateRoot, [], [], state, common);
	return { hash: block.hash, load: async () => ({ blocks: [block], state }) };
}

/** A provider (EIP-1193) over a sandbox in the same thread. */
export function provider(sandbox: Sandbox) {
	return custom({
		async request(request: { method: string; params?: unknown }) {
			const outcome = await sandbox.request(request);
			if ('error' in outcome) throw new RpcError(outcome.error.code, outcome.error.message, outcome.error.data);
			return outcome.result;
		}
	});
}

/** Deploys and seeds a sandbox from nothing: what contracts-abi/sandbox.ts holds. Needs an IndexedDB. */
export async function buildSnapshot(): Promise<{ snapshot: Snapshot; addresses: Addresses }> {
	const db = new ChainDb('sandbox-genesis');
	await db.delete();
	await db.open();
	const sandbox = new Sandbox(db, { genesis: await emptyGenesis(), key: () => tapKey, now: () => BEGINNING });
	try {
		const transport = provider(sandbox);
		const options = { chain: sandboxChain, transport } as const;
		const publicClient = createPublicClient({ ...options, pollingInterval: 1, cacheTime: 0 }) as PublicClient;
		const walletClient = createWalletClient({ ...options, account: privateKeyToAccount(tapKey) });
		const addresses = await deploy({ publicClient, walletClient });
		await seed(addresses, async (key, address: Address, abi: Abi, functionName, args, value) => {
			const account = privateKeyToAccount(key);
			const wallet = createWalletClient({ ...options, account });
			const hash = await wallet.writeContract({ account, address, abi, functionName, args, value });
			const receipt = await publicClient.getTransactionReceipt({ hash });
			if (receipt.status !== 'success') throw new Error(`seeding: ${functionName} reverted`);
		});
		const blocks = await db.blocks.orderBy('number').toArray();
		return { snapshot: { blocks, state: await db.state() }, addresses };
	} finally {
		await sandbox.close();
		await db.delete();
	}
}
