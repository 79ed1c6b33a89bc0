import { createAddressFromString, hexToBytes } from '@ethereumjs/util';
import { bytesToHex, numberToHex, padHex, type Hex } from 'viem';
import { nextHeader, toEvmBlock } from './blocks.ts';
import { BASE_FEE, BLOCK_GAS, SANDBOX_CHAIN_ID } from './network.ts';
import {
	readAddress,
	readBlockNumber,
	readCall,
	readHash,
	readHex,
	readQuantity,
	readRecord
} from './params.ts';
import { readLogFilter, showBlock, showLogs, showReceipt, showTransaction } from './present.ts';
import { RpcError, rpcCodes } from './rpc-error.ts';
import type { Sandbox } from './sandbox.ts';
import type { BlockRecord } from './store.ts';

const chainIdHex = numberToHex(SANDBOX_CHAIN_ID);

type Method = (sandbox: Sandbox, params: unknown[]) => Promise<unknown>;

/** Answers one request as a node and a wallet would. Throws `RpcError`. */
export async function answer(sandbox: Sandbox, method: string, params: unknown[]): Promise<unknown> {
	const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
	if (!run) throw new RpcError(rpcCodes.notFound, `the sandbox has no method ${method.slice(0, 60)}`);
	return run(sandbox, params);
}

const methods: Record<string, Method> = {
	// ---- the chain
	eth_chainId: async () => chainIdHex,
	net_version: async () => `${SANDBOX_CHAIN_ID}`,
	web3_clientVersion: async () => 'OpenLedger sandbox',
	eth_blockNumber: async (sandbox) => numberToHex((await sandbox.chain()).block.number),
	eth_gasPrice: async () => numberToHex(BASE_FEE),
	eth_maxPriorityFeePerGas: async () => '0x0',
	eth_blobBaseFee: async () => '0x1',
	eth_syncing: async () => false,

	async eth_feeHistory(sandbox, [count, newest, percentiles]) {
		const { block } = await sandbox.chain();
		const last = Math.min(readBlockNumber(newest, block.number), block.number);
		const blocks = Math.min(Number(readQuantity(count)), 1024, last + 1);
		const first = last - blocks + 1;
		const rows = await sandbox.db.blocks.where('number').between(first, last, true, true).sortBy('number');
		const none = Array.isArray(percentiles) ? percentiles.map(() => '0x0') : undefined;
		return {
			oldestBlock: numberToHex(first),
			baseFeePerGas: Array.from({ length: blocks + 1 }, () => numberToHex(BASE_FEE)),
			gasUsedRatio: rows.map(({ gasUsed }) => Number(gasUsed) / Number(BLOCK_GAS)),
			...(none ? { reward: rows.map(() => none) } : {})
		};
	},

	async eth_getBlockByNumber(sandbox, [tag, full]) {
		const { block } = await sandbox.chain();
		const found = await sandbox.db.blocks.get(readBlockNumber(tag, block.number));
		return found ? showBlock(found, full === true) : null;
	},

	async eth_getBlockByHash(sandbox, [hash, full]) {
		await sandbox.chain();
		const found = await sandbox.db.blocks.get({ hash: readHash(hash) });
		return found ? showBlock(found, full === true) : null;
	},

	async eth_getTransactionByHash(sandbox, [hash]) {
		const found = await findTransaction(sandbox, hash);
		return found ? showTransaction(found.block, found.index) : null;
	},

	async eth_getTransactionReceipt(sandbox, [hash]) {
		const found = await findTransaction(sandbox, hash);
		return found ? showReceipt(found.block, found.index) : null;
	},

	async eth_getLogs(sandbox, [value]) {
		const { block } = await sandbox.chain();
		const filter = readRecord(value);
		const wanted = readLogFilter(filter);
		if (filter.blockHash !== undefined) {
			const one = await sandbox.db.blocks.get({ hash: readHash(filter.blockHash) });
			if (!one) throw new RpcError(rpcCodes.refused, 'unknown block');
			return showLogs(one, wanted);
		}
		const from = readBlockNumber(filter.fromBlock, block.number);
		const to = readBlockNumber(filter.toBlock, block.number);
		const blocks = await sandbox.db.blocks.where('number').between(from, to, true, true).sortBy('number');
		return blocks.flatMap((each) => showLogs(each, wanted));
	},

	// ---- the state
	async eth_getBalance(sandbox, [address, tag]) {
		const account = await (await latest(sandbox, tag)).state.getAccount(evmAddress(address));
		return numberToHex(account?.balance ?? 0n);
	},

	async eth_getTransactionCount(sandbox, [address, tag]) {
		const account = await (await latest(sandbox, tag)).state.getAccount(evmAddress(address));
		return numberToHex(account?.nonce ?? 0n);
	},

	async eth_getCode(sandbox, [address, tag]) {
		return bytesToHex(await (await latest(sandbox, tag)).state.getCode(evmAddress(address)));
	},

	async eth_getStorageAt(sandbox, [address, slot, tag]) {
		const key = hexToBytes(numberToHex(readQuantity(slot), { size: 32 }));
		const value = await (await latest(sandbox, tag)).state.getStorage(evmAddress(address), key);
		return padHex(bytesToHex(value), { size: 32 });
	},

	async eth_call(sandbox, [call, tag]) {
		const machine = await latest(sandbox, tag);
		return machine.call(readCall(call), await ahead(sandbox));
	},

	async eth_estimateGas(sandbox, [call, tag]) {
		const machine = await latest(sandbox, tag);
		return numberToHex(await machine.estimate(readCall(call), await ahead(sandbox)));
	},

	// ---- sending
	async eth_sendRawTransaction(sandbox, [raw]) {
		return send(sandbox, readHex(raw));
	},

	async eth_sendTransaction(sandbox, [value]) {
		const { wallet } = await sandbox.chain();
		const from = readAddress(readRecord(value).from);
		return send(
			sandbox,
			await signCall(sandbox, (transaction) => wallet.account(from).signTransaction(transaction), value)
		);
	},

	async eth_signTransaction(sandbox, [value]) {
		const { wallet } = await sandbox.chain();
		const from = readAddress(readRecord(value).from);
		return signCall(sandbox, (transaction) => wallet.account(from).signTransaction(transaction), value);
	},

	// ---- the wallet
	eth_accounts: accounts,
	eth_requestAccounts: accounts,
	wallet_requestPermissions: permissions,
	wallet_getPermissions: permissions,
	wallet_revokePermissions: async () => null,
	async personal_sign(sandbox, params) {
		return (await sandbox.chain()).wallet.personalSign(params);
	},
	async eth_signTypedData_v4(sandbox, params) {
		return (await sandbox.chain()).wallet.signTypedData(params);
	},
	async wallet_switchEthereumChain(_, [value]) {
		if (readQuantity(readRecord(value).chainId) !== BigInt(SANDBOX_CHAIN_ID))
			throw new RpcError(rpcCodes.unknownChain, 'the sandbox is the only chain of this wallet');
		return null;
	},

	// ---- several calls at once (EIP-5792): one block, all of them or none
	async wallet_getCapabilities() {
		return { [chainIdHex]: { atomic: { status: 'supported' } } };
	},
	async wallet_sendCalls(sandbox, [value]) {
		const batch = readRecord(value);
		if (batch.chainId !== undefined && readQuantity(batch.chainId) !== BigInt(SANDBOX_CHAIN_ID))
			throw new RpcError(rpcCodes.wrongChain, 'the sandbox is the only chain of this wallet');
		const calls = Array.isArray(batch.calls) ? batch.calls.map(readCall) : [];
		if (calls.length === 0 || calls.length > 100)
			throw new RpcError(rpcCodes.badParams, '1 to 100 calls expected');
		const { wallet, machine } = await sandbox.chain();
		const from = batch.from === undefined ? wallet.accounts[0]?.address : readAddress(batch.from);
		const account = wallet.account(readAddress(from));
		const first = (await machine.state.getAccount(evmAddress(from)))?.nonce ?? 0n;
		const gas = BLOCK_GAS / BigInt(calls.length);
		const raws = await Promise.all(
			calls.map(({ to, data, value: wei }, i) =>
				account.signTransaction({
					...fees,
					nonce: Number(first) + i,
					to,
					data,
					value: wei,
					// No call's need is known before the one ahead of it has run.
					gas: gas > 3_000_000n ? 3_000_000n : gas
				})
			)
		);
		const block = await sandbox.mine(await Promise.all(raws.map((raw) => sandbox.read(raw))), {
			whole: true
		});
		return { id: block.hash };
	},
	async wallet_getCallsStatus(sandbox, [id]) {
		await sandbox.chain();
		const block = await sandbox.db.blocks.get({ hash: readHash(id) });
		if (!block) throw new RpcError(rpcCodes.unknownBundle, 'unknown batch');
		return {
			version: '2.0.0',
			id,
			chainId: chainIdHex,
			status: 200,
			atomic: true,
			receipts: block.transactions.map((_, i) => showReceipt(block, i))
		};
	},

	// ---- the clock
	async evm_increaseTime(sandbox, [seconds]) {
		await sandbox.advanceClock(Number(readQuantity(seconds)));
		return numberToHex((await sandbox.chain()).head.ahead);
	},
	async evm_mine(sandbox) {
		await sandbox.mine([]);
		return '0x0';
	}
};

const fees = {
	type: 'eip1559',
	chainId: SANDBOX_CHAIN_ID,
	maxFeePerGas: BASE_FEE,
	maxPriorityFeePerGas: 0n
} as const;

type ToSign = typeof fees & { nonce: number; to?: Hex; data: Hex; value: bigint; gas: bigint };

/** Fills in what the sender left to the wallet, and signs. */
export async function signCall(
	sandbox: Sandbox,
	sign: (transaction: ToSign) => Promise<Hex>,
	value: unknown
): Promise<Hex> {
	const given = readRecord(value);
	const call = readCall(value);
	const { machine } = await sandbox.chain();
	const account = await machine.state.getAccount(evmAddress(call.from));
	const nonce = given.nonce == null ? (account?.nonce ?? 0n) : readQuantity(given.nonce);
	const gas = call.gas ?? (await machine.estimate(call, await ahead(sandbox)));
	return sign({ ...fees, nonce: Number(nonce), to: call.to, data: call.data, value: call.value, gas });
}

/** Mines one signed transaction. Sending it again gives the same hash and nothing else. */
export async function send(sandbox: Sandbox, raw: Hex): Promise<Hex> {
	const tx = await sandbox.read(raw);
	const hash = bytesToHex(tx.hash());
	const { machine } = await sandbox.chain();
	const sender = await machine.state.getAccount(tx.getSenderAddress());
	// Only an account's used numbers can be in a block.
	if (tx.nonce < (sender?.nonce ?? 0n) && (await findTransaction(sandbox, hash))) return hash;
	await sandbox.mine([tx]);
	return hash;
}

async function accounts(sandbox: Sandbox): Promise<Hex[]> {
	return (await sandbox.chain()).wallet.accounts.map(({ address }) => address);
}

async function permissions(sandbox: Sandbox) {
	const value = await accounts(sandbox);
	return [{ parentCapability: 'eth_accounts', caveats: [{ type: 'restrictReturnedAccounts', value }] }];
}

/** The machine, whose state is the newest: older ones are not kept. */
async function latest(sandbox: Sandbox, tag: unknown) {
	const { machine, block } = await sandbox.chain();
	const asked =
		typeof tag === 'object' && tag !== null ? blockOf(tag, block) : readBlockNumber(tag, block.number);
	if (asked !== block.number)
		throw new RpcError(rpcCodes.refused, `the sandbox keeps the state of block ${block.number} only`);
	return machine;
}

/** EIP-1898. */
function blockOf(tag: object, head: BlockRecord): number {
	const { blockNumber, blockHash } = tag as { blockNumber?: unknown; blockHash?: unknown };
	if (blockHash === undefined) return readBlockNumber(blockNumber, head.number);
	return readHash(blockHash) === head.hash ? head.number : -1;
}

/** The block in which a transaction would now run, free of fees: reading and estimating cost nothing. */
async function ahead(sandbox: Sandbox) {
	const chain = await sandbox.chain();
	return toEvmBlock(nextHeader(chain.block, sandbox.time(chain)), chain.machine.common, 0n);
}

async function findTransaction(sandbox: Sandbox, value: unknown) {
	const hash = readHash(value);
	await sandbox.chain();
	const block = await sandbox.db.blocks.where({ hashes: hash }).first();
	return block && { block, index: block.hashes.indexOf(hash) };
}

function evmAddress(value: unknown) {
	return createAddressFromString(readAddress(value));
}
