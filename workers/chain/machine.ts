import type { Block } from '@ethereumjs/block';
import { createCustomCommon, Hardfork, Mainnet, type Common } from '@ethereumjs/common';
import { createFeeMarket1559Tx, type TypedTransaction } from '@ethereumjs/tx';
import { bytesToHex, createAddressFromString, hexToBytes } from '@ethereumjs/util';
import { createVM, runTx, type RunTxResult, type VM } from '@ethereumjs/vm';
import { numberToHex, type Hex } from 'viem';
import { BLOCK_GAS, SANDBOX_CHAIN_ID } from './network.ts';
import { executionReverted, RpcError, rpcCodes } from './rpc-error.ts';
import { FlatState } from './state.ts';
import type { TransactionRecord } from './store.ts';

/** A call as JSON-RPC gives it, numbers already read. */
export interface CallRequest {
	from?: Hex;
	to?: Hex;
	data: Hex;
	value: bigint;
	gas?: bigint;
}

/** Gas that the limit of a transaction may exceed what it needs, in per cent of it: closer is not searched for. */
const CLOSE = 2n;

/** The EVM over one state. Its callers see to it that only one thing runs at a time. */
export class Machine {
	readonly state = new FlatState();
	readonly common: Common = createCustomCommon({ chainId: SANDBOX_CHAIN_ID, name: 'sandbox' }, Mainnet, {
		hardfork: Hardfork.Prague
	});
	readonly #hashOf: (number: number) => Promise<Hex | undefined>;
	#vm: VM | undefined;
	/** What the last transaction returned: of one that reverted, its reason. */
	lastOutput: Hex = '0x';

	/** @param hashOf hash of an earlier block, for BLOCKHASH. */
	constructor(hashOf: (number: number) => Promise<Hex | undefined>) {
		this.#hashOf = hashOf;
	}

	/** Runs a signed transaction and keeps its effects. Throws `RpcError` when it cannot be part of a block at all. */
	async execute(tx: TypedTransaction, block: Block): Promise<TransactionRecord> {
		const result = await this.#run(tx, block);
		this.lastOutput = bytesToHex(result.execResult.returnValue);
		const logs = (result.receipt.logs ?? []).map(([address, topics, data]) => ({
			address: bytesToHex(address),
			topics: topics.map((topic) => bytesToHex(topic)),
			data: bytesToHex(data)
		}));
		return {
			hash: bytesToHex(tx.hash()),
			raw: bytesToHex(tx.serialize()),
			from: tx.getSenderAddress().toString(),
			gasUsed: result.totalGasSpent,
			gasPrice: result.amountSpent / result.totalGasSpent,
			success: !result.execResult.exceptionError,
			created: result.createdAddress?.toString(),
			logs
		};
	}

	/** Runs a call and forgets its effects. */
	async call(request: CallRequest, block: Block): Promise<Hex> {
		const { evm } = await this.#machine();
		const from = createAddressFromString(request.from ?? numberToHex(0, { size: 20 }));
		return this.#forgetting(async () => {
			const { execResult } = await evm.runCall({
				block,
				caller: from,
				origin: from,
				to: request.to ? createAddressFromString(request.to) : undefined,
				data: hexToBytes(request.data),
				value: request.value,
				gasLimit: request.gas ?? BLOCK_GAS
			});
			const output = bytesToHex(execResult.returnValue);
			if (execResult.exceptionError) throw executionReverted(execResult.exceptionError.error, output);
			return output;
		});
	}

	/** The least gas limit, to within some per cent, with which a transaction succeeds. @param block one whose base fee is 0. */
	async estimate(request: CallRequest, block: Block): Promise<bigint> {
		const most = await this.#attempt(request, block, request.gas ?? BLOCK_GAS);
		if (most.execResult.exceptionError)
			throw executionReverted(most.execResult.exceptionError.error, bytesToHex(most.execResult.returnValue));
		// A frame passes on 63 of 64 parts of its gas, and refunds come only at the end: what was used may not be enough.
		let enough = request.gas ?? BLOCK_GAS;
		let short = most.totalGasSpent - 1n;
		let guess = most.totalGasSpent;
		while (enough - short > 1n && (enough - short) * 100n > enough * CLOSE) {
			const fits = await this.#attempt(request, block, guess).then(
				({ execResult }) => !execResult.exceptionError,
				(error: unknown) => {
					if (error instanceof RpcError) return false;
					throw error;
				}
			);
			if (fits) enough = guess;
			else short = guess;
			// The first tries close in from below, where the answer nearly always is.
			guess = enough > short * 2n ? short + short / 16n + 5_000n : (short + enough) / 2n;
		}
		return enough;
	}

	/** Runs `work` between a checkpoint and a return to it. */
	async #forgetting<T>(work: () => Promise<T>): Promise<T> {
		const { evm } = await this.#machine();
		await this.state.checkpoint();
		try {
			return await work();
		} finally {
			evm.journal.cleanJournal();
			await this.state.revert();
			// Touched and put back is not changed: a block must not commit to what was only asked.
			this.state.takeChanges();
			this.state.clearCaches();
		}
	}

	#attempt(request: CallRequest, block: Block, gasLimit: bigint): Promise<RunTxResult> {
		return this.#forgetting(async () => {
			const sender = createAddressFromString(request.from ?? numberToHex(0, { size: 20 }));
			const tx = createFeeMarket1559Tx(
				{
					chainId: SANDBOX_CHAIN_ID,
					nonce: (await this.state.getAccount(sender))?.nonce ?? 0n,
					to: request.to,
					data: request.data,
					value: request.value,
					gasLimit,
					maxFeePerGas: 0n
				},
				{ common: this.common, freeze: false }
			);
			tx.getSenderAddress = () => sender;
			return this.#run(tx, block);
		});
	}

	async #run(tx: TypedTransaction, block: Block): Promise<RunTxResult> {
		const vm = await this.#machine();
		if (tx.gasLimit > BLOCK_GAS)
			throw new RpcError(rpcCodes.refused, `gas limit ${tx.gasLimit} is more than a block holds`);
		try {
			return await runTx(vm, { tx, block, skipBlockGasLimitValidation: true });
		} catch (error) {
			throw new RpcError(
				rpcCodes.refused,
				error instanceof Error ? error.message : String(error),
				undefined,
				error
			);
		}
	}

	async #machine(): Promise<VM> {
		this.#vm ??= await createVM({
			common: this.common,
			stateManager: this.state,
			blockchain: {
				getBlock: async (number) => {
					const hash = await this.#hashOf(number);
					if (!hash) throw new Error(`no block ${number}`);
					return { hash: () => hexToBytes(hash) };
				},
				putBlock: async () => undefined,
				shallowCopy() {
					return this;
				}
			}
		});
		return this.#vm;
	}
}
