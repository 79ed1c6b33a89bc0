import {
	decodeErrorResult,
	decodeFunctionResult,
	encodeFunctionData,
	pad,
	type Address,
	type Hex
} from 'viem';
import { readSettled, settledTopic } from '#workers/ledger/events.ts';
import { readLogs } from '#workers/ledger/logs.ts';
import { readBlock, unreachable, type RpcRequest } from '#workers/ledger/rpc.ts';
import type { LedgerChain } from '#workers/ledger/sync.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';

/** A settlement of this payer as the chain's log has it. */
export interface Landed {
	transcripts: Hex;
	/** Batch id. */
	id: number;
	block: number;
	transaction: Hex;
}

/** What settling asks of a network and of a wallet. */
export interface Payer {
	readonly chain: LedgerChain;
	readonly address: Address;
	/** Wei that can be spent, and the number that the next batch must carry. */
	account(): Promise<{ balance: bigint; free: bigint; nonce: number }>;
	/** The payer's settlement with this number, from a block on; undefined where there is none. */
	landed(nonce: number, since: number): Promise<Landed | undefined>;
	transaction(hash: Hex): Promise<'pending' | 'mined' | 'reverted' | 'unknown'>;
	/** Number of the newest block. */
	height(): Promise<number>;
	/** Throws `ledger/…` where the core would refuse the call. Returns the gas it takes. */
	rehearse(data: Hex): Promise<bigint>;
	/** Wei for one gas. */
	gasPrice(): Promise<bigint>;
	/** Asks the wallet. Throws `ledger/declined` where the person said no, and only then. */
	send(data: Hex): Promise<Hex>;
}

/** EIP-1193: the person said no. */
const USER_REJECTED = 4001;

/**
 * A payer over JSON-RPC.
 * @param request reads the chain
 * @param wallet asks the wallet for `eth_sendTransaction`; may be the same
 */
export function payerOver(
	chain: LedgerChain,
	address: Address,
	request: RpcRequest,
	wallet: RpcRequest
): Payer {
	const { settlement } = chain.addresses;
	const call = (data: Hex) => ({ from: address, to: settlement, data });
	return {
		chain,
		address,
		async account() {
			const data = encodeFunctionData({ abi: settlementAbi, functionName: 'accountOf', args: [address] });
			const answer = await request({ method: 'eth_call', params: [{ to: settlement, data }, 'latest'] });
			const [balance, free, nonce] = decodeFunctionResult({
				abi: settlementAbi,
				functionName: 'accountOf',
				data: answer as Hex
			});
			return { balance, free, nonce };
		},
		async landed(nonce, since) {
			const head = await readBlock(request, 'latest');
			if (!head) throw unreachable();
			const addresses = [settlement.toLowerCase() as Hex];
			const topics = [settledTopic, pad(address)];
			for await (const { logs } of readLogs(request, { addresses, topics, from: since, to: head.number })) {
				for (const log of logs) {
					const settled = readSettled(log);
					if (settled.nonce !== nonce) continue;
					const { transcripts, id } = settled;
					return { transcripts, id, block: log.block, transaction: log.transaction };
				}
			}
			return undefined;
		},
		async transaction(hash) {
			const receipt = (await request({ method: 'eth_getTransactionReceipt', params: [hash] })) as {
				status?: string;
			} | null;
			if (receipt) return receipt.status === '0x1' ? 'mined' : 'reverted';
			const known = await request({ method: 'eth_getTransactionByHash', params: [hash] });
			return known ? 'pending' : 'unknown';
		},
		async height() {
			const head = await readBlock(request, 'latest');
			if (!head) throw unreachable();
			return head.number;
		},
		async rehearse(data) {
			try {
				return BigInt((await request({ method: 'eth_estimateGas', params: [call(data)] })) as Hex);
			} catch (error) {
				throw refusal(error);
			}
		},
		async gasPrice() {
			return BigInt((await request({ method: 'eth_gasPrice', params: [] })) as Hex);
		},
		async send(data) {
			try {
				return (await wallet({ method: 'eth_sendTransaction', params: [call(data)] })) as Hex;
			} catch (error) {
				if ((error as { code?: unknown } | null)?.code !== USER_REJECTED) throw error;
				throw new OpenLedgerError('ledger/declined', 'You did not sign, so nothing was paid.', {
					remedy: 'The receipts are still there; settle them whenever you like.',
					cause: error
				});
			}
		}
	};
}

/** The contract's own reason, where the node hands it on, as a sentence. */
function refusal(error: unknown): unknown {
	const data = findData(error);
	if (!data) return error;
	let name: string;
	try {
		name = decodeErrorResult({ abi: settlementAbi, data }).errorName;
	} catch {
		return error;
	}
	if (name === 'InsufficientBalance')
		return new OpenLedgerError('ledger/deposit-needed', 'The prepaid balance does not cover this.', {
			remedy: 'Deposit more, or wait until what earlier payments locked is free again.',
			cause: error
		});
	return new OpenLedgerError('ledger/refused', `The contract refuses this payment (${name}).`, {
		remedy: name === 'WrongNonce' ? 'Another device or tab has just paid. Try again.' : 'Nothing was paid.',
		details: { reason: name },
		cause: error
	});
}

/** Nodes and wallets wrap a revert's data in different places. */
function findData(error: unknown, depth = 0): Hex | undefined {
	if (typeof error !== 'object' || error === null || depth > 5) return undefined;
	const { data, cause, error: inner } = error as { data?: unknown; cause?: unknown; error?: unknown };
	if (typeof data === 'string' && /^0x[0-9a-fA-F]{8,}$/.test(data)) return data as Hex;
	return findData(data, depth + 1) ?? findData(cause, depth + 1) ?? findData(inner, depth + 1);
}
