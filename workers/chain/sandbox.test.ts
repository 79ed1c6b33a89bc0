import 'fake-indexeddb/auto';
import {
	createPublicClient,
	createWalletClient,
	custom,
	decodeErrorResult,
	encodeFunctionData,
	parseEther,
	type Hex,
	type PublicClient
} from 'viem';
import { getCallsStatus, sendCalls, waitForCallsStatus } from 'viem/actions';
import { afterEach, beforeEach, expect, test } from 'vitest';
import addresses from '../../contracts-abi/addresses/87206178739010.json' with { type: 'json' };
import anvilAddresses from '../../contracts-abi/addresses/31337.json' with { type: 'json' };
import { gopenAbi } from '../../contracts-abi/abi/GOPEN.ts';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { deploy } from '../../contracts/deploy/deploy.ts';
import { buildSnapshot } from '../../contracts/tools/sandbox.ts';
import { appGenesis } from './app-genesis.ts';
import { toFile } from './genesis.ts';
import { SANDBOX_CHAIN_ID, sandboxChain } from './network.ts';
import { ALLOWANCE, people, tapKey } from './people.ts';
import { RpcError } from './rpc-error.ts';
import { Sandbox } from './sandbox.ts';
import { ChainDb } from './store.ts';
import { privateKeyToAccount } from 'viem/accounts';
import { openledger } from 'viem/chains';
import * as chains from 'viem/chains';

const settlement = addresses.settlement as Hex;
const gopen = addresses.gopen as Hex;
let db: ChainDb;
let sandbox: Sandbox;
let clock = Date.UTC(2026, 10, 1);
let counter = 0;

function clientsOf(chain: Sandbox) {
	const transport = custom({
		async request(request: { method: string; params?: unknown }) {
			const outcome = await chain.request(request);
			if ('error' in outcome)
				throw new RpcError(outcome.error.code, outcome.error.message, outcome.error.data);
			return outcome.result;
		}
	});
	const options = { chain: sandboxChain, transport } as const;
	const publicClient = createPublicClient({ ...options, pollingInterval: 1, cacheTime: 0 }) as PublicClient;
	return { publicClient, walletClient: createWalletClient(options) };
}

const open = (name: string) => new Sandbox(new ChainDb(name), { genesis: appGenesis, now: () => clock });
const me = async () => (await sandbox.status()).accounts[0]?.address as Hex;
const transfer = (to: Hex, value: bigint, from: Hex) => ({ account: from, to, value, chain: sandboxChain });

beforeEach(() => {
	db = new ChainDb(`sandbox-test-${counter++}`);
	sandbox = new Sandbox(db, { genesis: appGenesis, now: () => clock });
});

afterEach(async () => {
	await sandbox.close();
	await db.delete();
});

test('the committed beginning is what deploying and seeding gives, at the addresses of every local chain', async () => {
	const { snapshot, addresses: built } = await buildSnapshot();
	const committed = await appGenesis.load();
	expect(toFile(snapshot), 'run node contracts/tools/sandbox.cli.ts').toEqual(
		JSON.parse(JSON.stringify(toFile(committed)))
	);
	expect(snapshot.blocks.at(-1)?.hash).toBe(appGenesis.hash);
	expect(built).toEqual(addresses);
	expect(addresses).toEqual(anvilAddresses);
});

test('the chain id is nobody else’s and small enough for wallets', () => {
	const ids = Object.values(chains).map((chain) => ('id' in chain ? chain.id : 0));
	expect(ids).toContain(openledger.id);
	expect(ids).not.toContain(SANDBOX_CHAIN_ID);
	expect(SANDBOX_CHAIN_ID).toBeLessThan(4_503_599_627_370_476);
});

test('begins with the contracts, the people and play money', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	expect(await publicClient.getChainId()).toBe(SANDBOX_CHAIN_ID);
	const status = await sandbox.status();
	expect(status.accounts.map(({ name }) => name)).toEqual(['You', ...people.map(({ name }) => name)]);
	expect(status.outdated).toBe(false);
	expect(await walletClient.getAddresses()).toHaveLength(1 + people.length);
	expect(await publicClient.getBalance({ address: await me() })).toBe(ALLOWANCE);
	expect(
		await publicClient.readContract({ address: settlement, abi: settlementAbi, functionName: 'people' })
	).toBe(8);
	const registered = await publicClient.getContractEvents({
		address: settlement,
		abi: settlementAbi,
		eventName: 'ContributorRegistered',
		fromBlock: 0n
	});
	expect(registered.map(({ args }) => args.id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
	// Nothing is missing, so deploying again sends nothing.
	const tap = createWalletClient({
		account: privateKeyToAccount(tapKey),
		chain: sandboxChain,
		transport: custom(walletClient)
	});
	await deploy({ publicClient, walletClient: tap });
	expect((await sandbox.status()).height).toBe(status.height);
});

test('viem writes, waits, reads and listens as on any chain; money is kept to the wei', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	const heard: bigint[] = [];
	const stop = publicClient.watchContractEvent({
		address: settlement,
		abi: settlementAbi,
		eventName: 'Deposited',
		onLogs: (logs) => heard.push(...logs.map(({ args }) => args.amount ?? 0n))
	});
	await new Promise((resolve) => setTimeout(resolve, 50));
	const hash = await walletClient.writeContract({
		account,
		chain: sandboxChain,
		address: settlement,
		abi: settlementAbi,
		functionName: 'deposit',
		value: parseEther('25')
	});
	const receipt = await publicClient.waitForTransactionReceipt({ hash });
	expect(receipt.status).toBe('success');
	const balance = await publicClient.getBalance({ address: account });
	expect(balance).toBe(ALLOWANCE - parseEther('25') - receipt.gasUsed * receipt.effectiveGasPrice);
	const [held] = await publicClient.readContract({
		address: settlement,
		abi: settlementAbi,
		functionName: 'accountOf',
		args: [account]
	});
	expect(held).toBe(parseEther('25'));
	const transaction = await publicClient.getTransaction({ hash });
	expect(transaction).toMatchObject({
		from: account.toLowerCase(),
		value: parseEther('25'),
		blockNumber: receipt.blockNumber
	});
	const block = await publicClient.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
	expect(block.transactions.map((tx) => tx.hash)).toEqual([hash]);
	await expect.poll(() => heard).toEqual([parseEther('25')]);
	stop();
	expect(
		(await publicClient.getFeeHistory({ blockCount: 3, rewardPercentiles: [50] })).baseFeePerGas
	).toHaveLength(4);
});

test('a revert gives the contract’s own reason, in calls, estimates and batches', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	const data = encodeFunctionData({ abi: settlementAbi, functionName: 'withdraw', args: [1n, account] });
	const call = { method: 'eth_call', params: [{ from: account, to: settlement, data }, 'latest'] };
	for (const request of [
		call,
		{ ...call, method: 'eth_estimateGas' },
		{
			method: 'wallet_sendCalls',
			params: [{ version: '2.0.0', from: account, calls: [{ to: settlement, data }] }]
		}
	]) {
		const outcome = await sandbox.request(request);
		const error = 'error' in outcome ? outcome.error : undefined;
		expect(error?.code, request.method).toBe(3);
		expect(decodeErrorResult({ abi: settlementAbi, data: error?.data ?? '0x' }).errorName).toBe(
			'InsufficientBalance'
		);
	}
	await expect(
		publicClient.simulateContract({
			account,
			address: settlement,
			abi: settlementAbi,
			functionName: 'withdraw',
			args: [1n, account]
		})
	).rejects.toThrow('InsufficientBalance');
	// Sent all the same, it is mined as failed, pays its gas and changes nothing else.
	const hash = await walletClient.sendTransaction({
		account,
		chain: sandboxChain,
		to: settlement,
		data,
		gas: 100_000n
	});
	expect((await publicClient.getTransactionReceipt({ hash })).status).toBe('reverted');
});

test('an estimate is enough, and not much more than enough', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	const call = { account, address: gopen, abi: gopenAbi, functionName: 'deposit', value: 1n } as const;
	const gas = await publicClient.estimateContractGas(call);
	const hash = await walletClient.writeContract({ ...call, chain: sandboxChain, gas });
	const receipt = await publicClient.getTransactionReceipt({ hash });
	expect(receipt.status).toBe('success');
	expect(Number(gas)).toBeLessThan(Number(receipt.gasUsed) * 1.3);
});

test('several calls at once are one block, or nothing', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	const wallet = { ...walletClient, account: { address: account, type: 'json-rpc' as const } };
	const deposit = {
		to: settlement,
		data: encodeFunctionData({ abi: settlementAbi, functionName: 'deposit' }),
		value: 5n
	};
	const withdraw = (amount: bigint) => ({
		to: settlement,
		data: encodeFunctionData({ abi: settlementAbi, functionName: 'withdraw', args: [amount, account] })
	});
	const { id } = await sendCalls(wallet, { calls: [deposit, withdraw(2n)], forceAtomic: true });
	const { receipts } = await waitForCallsStatus(walletClient, { id });
	expect(receipts?.map(({ status }) => status)).toEqual(['success', 'success']);
	expect(new Set(receipts?.map(({ blockHash }) => blockHash)).size).toBe(1);
	expect((await getCallsStatus(walletClient, { id })).atomic).toBe(true);
	const height = (await sandbox.status()).height;
	const money = await publicClient.getBalance({ address: account });
	await expect(sendCalls(wallet, { calls: [deposit, withdraw(100n)] })).rejects.toThrow();
	expect((await sandbox.status()).height).toBe(height);
	expect(await publicClient.getBalance({ address: account })).toBe(money);
	const read = {
		address: settlement,
		abi: settlementAbi,
		functionName: 'balanceOf',
		args: [account]
	} as const;
	expect(await publicClient.readContract(read)).toBe(3n);
});

test('what is signed for one chain is refused by the other', async () => {
	const { publicClient } = clientsOf(sandbox);
	const account = privateKeyToAccount(tapKey);
	const nonce = await publicClient.getTransactionCount({ address: account.address });
	const fields = {
		type: 'eip1559',
		nonce,
		to: account.address,
		gas: 21_000n,
		maxFeePerGas: 2_000_000_000n
	} as const;
	const foreign = await account.signTransaction({ ...fields, chainId: openledger.id });
	await expect(publicClient.sendRawTransaction({ serializedTransaction: foreign })).rejects.toThrow(/chain/i);
	const own = await account.signTransaction({ ...fields, chainId: SANDBOX_CHAIN_ID });
	const hash = await publicClient.sendRawTransaction({ serializedTransaction: own });
	// The same bytes again are the same transaction, not a second one.
	const { height } = await sandbox.status();
	expect(await publicClient.sendRawTransaction({ serializedTransaction: own })).toBe(hash);
	expect((await sandbox.status()).height).toBe(height);
});

test('BLOCKHASH is the hash that the block has, for 256 blocks', async () => {
	const { publicClient } = clientsOf(sandbox);
	for (let i = 0; i < 3; i++) await sandbox.request({ method: 'evm_mine' });
	const { number, hash } = await publicClient.getBlock();
	await sandbox.request({ method: 'evm_mine' });
	// PUSH4 number BLOCKHASH PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN
	const code = (n: bigint): Hex => `0x63${n.toString(16).padStart(8, '0')}4060005260206000f3`;
	const run = (n: bigint) => publicClient.call({ data: code(n) }).then(({ data }) => data);
	expect(await run(number)).toBe(hash);
	expect(await run(number + 5n)).toBe(`0x${'0'.repeat(64)}`);
});

test('the clock can be moved on, and the contracts see it', async () => {
	const { publicClient } = clientsOf(sandbox);
	const before = await publicClient.getBlock();
	const status = await sandbox.advance(3 * 86_400);
	const after = await publicClient.getBlock();
	expect(after.number).toBe(before.number + 1n);
	expect(after.timestamp).toBe(BigInt(clock / 1000 + 3 * 86_400));
	expect(status.ahead).toBe(3 * 86_400);
	// A call runs in the block that would come next.
	expect(await publicClient.readContract({ address: gopen, abi: gopenAbi, functionName: 'clock' })).toBe(
		Number(after.timestamp) + 1
	);
	await expect(sandbox.advance(-1)).rejects.toMatchObject({ code: 'sandbox/failed' });
	clock += 1000;
});

test('moved on after blocks that came faster than the clock, it is as much later as was asked for', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	for (const value of [1n, 2n, 3n])
		await walletClient.sendTransaction(
			transfer('0x00000000000000000000000000000000000000dd', value, account)
		);
	const { timestamp } = await publicClient.getBlock();
	expect(timestamp).toBeGreaterThan(BigInt(clock / 1000));
	await sandbox.advance(3 * 86_400);
	expect((await publicClient.getBlock()).timestamp).toBe(timestamp + 3n * 86_400n);
});

test('whoever comes back later finds a block of now, whoever comes soon does not', async () => {
	const { publicClient } = clientsOf(sandbox);
	await sandbox.subscribe(() => undefined);
	const before = await publicClient.getBlock();
	clock += 3 * 86_400_000;
	const later = open(db.name);
	await later.subscribe(() => undefined);
	const after = await publicClient.getBlock();
	expect(after).toMatchObject({
		number: before.number + 1n,
		timestamp: BigInt(clock / 1000),
		transactions: []
	});
	await later.subscribe(() => undefined);
	expect(await publicClient.getBlockNumber()).toBe(after.number);
	await later.close();
});

test('another start finds everything; two tabs continue one chain', async () => {
	const { walletClient } = clientsOf(sandbox);
	const account = await me();
	const other = '0x00000000000000000000000000000000000000aa';
	await walletClient.sendTransaction(transfer(other, 1n, account));
	const second = open(db.name);
	const there = clientsOf(second);
	expect((await second.status()).accounts[0]?.address).toBe(account);
	expect(await there.publicClient.getBalance({ address: other })).toBe(1n);
	// Both write, also at the same time, and each reads what the other wrote.
	await Promise.all([
		walletClient.sendTransaction(transfer(other, 10n, account)),
		there.walletClient.sendTransaction(
			transfer(other, 100n, (await second.status()).accounts[1]?.address as Hex)
		)
	]);
	for (const each of [sandbox, second])
		expect(await clientsOf(each).publicClient.getBalance({ address: other })).toBe(111n);
	await second.close();
});

test('a block that does not reach the disk did not happen', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	const other = '0x00000000000000000000000000000000000000bb';
	await walletClient.sendTransaction(transfer(other, 1n, account));
	const before = { money: await publicClient.getBalance({ address: account }), ...(await sandbox.status()) };
	// The disk fails halfway through the write of a block, at each of its tables in turn.
	for (const table of [db.accounts, db.blocks, db.head]) {
		const fail = () => {
			throw new Error('disk full');
		};
		table.hook('creating', fail);
		table.hook('updating', fail);
		await expect(walletClient.sendTransaction(transfer(other, 7n, account)), table.name).rejects.toThrow();
		table.hook('creating').unsubscribe(fail);
		table.hook('updating').unsubscribe(fail);
		expect(await publicClient.getBalance({ address: account })).toBe(before.money);
		const again = open(db.name);
		expect((await again.status()).height).toBe(before.height);
		expect(await clientsOf(again).publicClient.getBalance({ address: other })).toBe(1n);
		await again.close();
	}
	await walletClient.sendTransaction(transfer(other, 7n, account));
	expect(await publicClient.getBalance({ address: other })).toBe(8n);
});

test('a history carries a sandbox to another device; a changed one is refused and changes nothing', async () => {
	const { publicClient, walletClient } = clientsOf(sandbox);
	const account = await me();
	const other = '0x00000000000000000000000000000000000000cc';
	await walletClient.sendTransaction(transfer(other, 3n, account));
	// What is only asked leaves no trace in the blocks.
	await publicClient.estimateGas({ account, to: settlement, data: '0xd0e30db0', value: 5n });
	await sandbox.advance(3600);
	await sandbox.fund(account);
	const text = await sandbox.exportHistory();
	const head = (await clientsOf(sandbox).publicClient.getBlock()).hash;

	const second = open(`${db.name}-second`);
	try {
		const untouched = (await second.status()).accounts[0]?.address;
		const steps: number[] = [];
		const changed = JSON.parse(text);
		changed.blocks[0].time += 1;
		for (const bad of [
			'',
			'{}',
			'[]',
			JSON.stringify(changed),
			text.replace(appGenesis.hash, `0x${'1'.repeat(64)}`)
		]) {
			await expect(second.importHistory(bad, () => undefined)).rejects.toMatchObject({ code: /^sandbox\// });
			expect((await second.status()).accounts[0]?.address).toBe(untouched);
		}
		const status = await second.importHistory(text, (done) => steps.push(done));
		expect(steps.length).toBeGreaterThan(0);
		expect(status.accounts[0]?.address).toBe(account);
		expect(status.ahead).toBe(3600);
		expect((await clientsOf(second).publicClient.getBlock()).hash).toBe(head);
		expect(await clientsOf(second).publicClient.getBalance({ address: other })).toBe(3n);
		await second.reset();
		expect(await clientsOf(second).publicClient.getBalance({ address: other })).toBe(0n);
	} finally {
		await second.close();
		await new ChainDb(`${db.name}-second`).delete();
	}
});

test('nonsense is refused in words and harms nothing', async () => {
	const account = await me();
	const requests: [string, unknown[]][] = [
		['eth_nothing', []],
		['constructor', []],
		['eth_getBalance', ['0x12', 'latest']],
		['eth_getBalance', [account, '0x1']],
		['eth_call', [null, 'latest']],
		['eth_call', [{ to: account, data: '0x123' }, 'latest']],
		['eth_sendRawTransaction', ['0x02']],
		['eth_sendTransaction', [{ from: '0x00000000000000000000000000000000000000dd', to: account }]],
		['eth_sendTransaction', [{ from: account, to: account, value: `0x${'f'.repeat(64)}` }]],
		['eth_sendTransaction', [{ from: account, to: account, nonce: '0x64' }]],
		['eth_getLogs', [{ topics: Array(5).fill(null) }]],
		['wallet_sendCalls', [{ calls: [] }]],
		['wallet_switchEthereumChain', [{ chainId: '0x64c' }]],
		['evm_increaseTime', ['0xffffffffffffffff']],
		['personal_sign', ['0x12', '0x00000000000000000000000000000000000000dd']],
		['eth_signTypedData_v4', [account, '{']]
	];
	const { height } = await sandbox.status();
	for (const [method, params] of requests) {
		const outcome = await sandbox.request({ method, params });
		expect('error' in outcome && outcome.error.message, method).toMatch(/\w+ \w+/);
	}
	expect((await sandbox.status()).height).toBe(height);
});
