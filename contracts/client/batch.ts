import { encodeAbiParameters, keccak256, type Address, type Hex } from 'viem';

/** One settlement as the chain hashes it (contracts/src/Types.sol). `leaves` is their keccak256, zero for a private batch. */
export interface Batch {
	payer: Address;
	time: number;
	rules: number;
	model: number;
	host: number;
	amount: bigint;
	transcripts: Hex;
	leaves: Hex;
}

const parameters = [
	{
		type: 'tuple',
		components: [
			{ name: 'payer', type: 'address' },
			{ name: 'time', type: 'uint40' },
			{ name: 'rules', type: 'uint16' },
			{ name: 'model', type: 'uint32' },
			{ name: 'host', type: 'uint32' },
			{ name: 'amount', type: 'uint96' },
			{ name: 'transcripts', type: 'bytes32' },
			{ name: 'leaves', type: 'bytes32' }
		]
	}
] as const;

/** The batch's hash, which the running hash of the core takes up. */
export function hashBatch(batch: Batch): Hex {
	return keccak256(encodeAbiParameters(parameters, [batch]));
}
