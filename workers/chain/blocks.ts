import { createBlock, genTransactionsTrieRoot, type Block } from '@ethereumjs/block';
import type { Common } from '@ethereumjs/common';
import type { TypedTransaction } from '@ethereumjs/tx';
import { bytesToHex } from '@ethereumjs/util';
import { concatHex, keccak256, numberToHex, stringToHex, type Hex } from 'viem';
import { BASE_FEE, BLOCK_GAS } from './network.ts';
import type { StateChanges } from './state.ts';
import type { BlockRecord, TransactionRecord } from './store.ts';

type Header = Pick<
	BlockRecord,
	'number' | 'parent' | 'time' | 'stateRoot' | 'transactionsRoot' | 'random' | 'gasUsed'
>;

/** The block as the EVM sees it. Its hash is the keccak256 of a real Prague header, so BLOCKHASH gives what eth_getBlock says. */
export function toEvmBlock(header: Header, common: Common, baseFee = BASE_FEE): Block {
	return createBlock(
		{
			header: {
				number: header.number,
				parentHash: header.parent,
				timestamp: header.time,
				gasLimit: BLOCK_GAS,
				gasUsed: header.gasUsed,
				baseFeePerGas: baseFee,
				stateRoot: header.stateRoot,
				transactionsTrie: header.transactionsRoot,
				mixHash: header.random
			}
		},
		{ common, skipConsensusFormatValidation: true }
	);
}

/** The header of a block that is being made. What the EVM can read of it is final; the rest is filled in by `seal`. */
export function nextHeader(
	parent: Pick<BlockRecord, 'number' | 'hash' | 'time'> | undefined,
	time: number
): Header {
	const before = parent?.hash ?? numberToHex(0, { size: 32 });
	return {
		number: parent ? parent.number + 1 : 0,
		parent: before,
		time: Math.max(time, parent ? parent.time + 1 : 0),
		stateRoot: numberToHex(0, { size: 32 }),
		transactionsRoot: numberToHex(0, { size: 32 }),
		// PREVRANDAO: nobody proposes blocks here, so it is only unlike the last.
		random: keccak256(concatHex([before, stringToHex('random')])),
		gasUsed: 0n
	};
}

/**
 * Finishes a block. In place of a trie's root, `stateRoot` is the keccak256 of the root before and of all that changed, so the
 * block's hash still commits to the whole state.
 */
export async function seal(
	header: Header,
	before: Hex,
	transactions: TypedTransaction[],
	records: TransactionRecord[],
	changes: StateChanges,
	common: Common
): Promise<BlockRecord> {
	const sealed = {
		...header,
		stateRoot: keccak256(concatHex([before, ...changeWords(changes)])),
		transactionsRoot: bytesToHex(await genTransactionsTrieRoot(transactions)),
		gasUsed: records.reduce((sum, { gasUsed }) => sum + gasUsed, 0n)
	};
	const hash = bytesToHex(toEvmBlock(sealed, common).hash());
	return { ...sealed, hash, transactions: records, hashes: records.map((record) => record.hash) };
}

function changeWords({ accounts, slots }: StateChanges): Hex[] {
	return [
		...accounts.map(([address, account]) =>
			stringToHex(account ? `${address} ${account.nonce} ${account.balance} ${account.code}` : `${address} -`)
		),
		...slots.map(([key, value]) => stringToHex(`${key} ${value ?? '-'}`))
	];
}
