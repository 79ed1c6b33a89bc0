import {
	bytesToHex,
	encodeFunctionData,
	hexToBytes,
	keccak256,
	numberToHex,
	parseEther,
	stringToHex,
	type Abi,
	type Address,
	type Hex
} from 'viem';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { hashBatch } from '../../contracts/client/batch.ts';
import { encodeLeaves, type Weight } from '../../contracts/client/leaves.ts';
import { splitBatch } from '../../contracts/client/split.ts';
import { RewardTree } from '../../contracts/client/tree.ts';
import { launchRules } from '../../contracts/deploy/params.ts';
import { populate, someone, startLocalChain } from '../../contracts/tools/local.ts';
import { loadKeccak } from '../../workers/ledger/running-hash.ts';

const adapter = 2;
const amount = parseEther('1');
const sources = [
	{ datanet: 1, share: 6_000 },
	{ datanet: 2, share: 4_000 }
];
const DAYS_TO_FINAL = Math.ceil(launchRules.window / 86_400);
/** Transactions in one request and block. */
const TOGETHER = 200;

export interface Month {
	days: number;
	payers: number;
	people: number;
	/** One payer's weights of one day. */
	weights: () => Weight[];
}

/**
 * A month really settled on anvil: every payer once a day, a checkpoint a day with the true root after its last batch
 * (those in between are not made: nobody looks at them while the last is right), finalised when its window is over.
 */
export async function settleMonth({ days, payers, people, weights }: Month) {
	const chain = await startLocalChain(['--gas-limit', '200000000']);
	const { settlement } = chain.addresses;
	const core = (functionName: string, args: readonly unknown[]) =>
		encodeFunctionData({ abi: settlementAbi as Abi, functionName, args });
	const rpc = async (calls: { method: string; params: unknown[] }[]) => {
		const body = JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call })));
		const response = await fetch(chain.url, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body
		});
		return ((await response.json()) as { result: Hex; error?: unknown }[]).map(({ result, error }) => {
			if (error) throw new Error(JSON.stringify(error));
			return result;
		});
	};
	const one = async (method: string, params: unknown[] = []) => (await rpc([{ method, params }]))[0] as Hex;
	const sent = (from: Address, data: Hex, value = 0n) => ({
		method: 'eth_sendTransaction',
		params: [{ from, to: settlement, data, value: numberToHex(value), gas: '0x7a120' }]
	});
	const accounts = Array.from({ length: payers }, (_, i) => someone(`payer ${i}`));
	/** Sends in groups, a block each; calls `mined` for each call in the order of the chain, with the block's time. */
	const inBlocks = async (calls: ReturnType<typeof sent>[], mined: (call: number, time: number) => void) => {
		for (let from = 0; from < calls.length; from += TOGETHER) {
			const some = calls.slice(from, from + TOGETHER);
			const places = new Map((await rpc(some)).map((hash, i) => [hash, from + i]));
			await one('evm_mine');
			const { transactions, timestamp } = await chain.publicClient.getBlock();
			if (transactions.length !== some.length)
				throw new Error(`${transactions.length} of ${some.length} were mined`);
			for (const hash of transactions) mined(places.get(hash) ?? -1, Number(timestamp));
		}
	};

	await populate(chain, people);
	const poster = someone('poster');
	await chain.fund(poster, parseEther('100000'));
	for (let from = 0; from < payers; from += TOGETHER)
		await rpc(
			accounts.slice(from, from + TOGETHER).map((account) => ({
				method: 'anvil_setBalance',
				params: [account, numberToHex(parseEther('10000'))]
			}))
		);
	await one('evm_setAutomine', [false]);
	await inBlocks(
		accounts.map((account) => sent(account, core('deposit', []), parseEther('2000'))),
		() => undefined
	);

	const hash = await loadKeccak();
	const tree = new RewardTree(hash);
	for (let day = 0; day < days; day++) {
		const batches = accounts.map((payer) => {
			const list = weights();
			const leaves = encodeLeaves(list);
			const transcripts = keccak256(stringToHex(`${payer} ${day}`));
			return { payer, list, leaves, transcripts };
		});
		const hashes: Hex[] = [];
		await inBlocks(
			batches.map(({ payer, transcripts, leaves }) =>
				sent(payer, core('settle', [adapter, 0, amount, day, transcripts, leaves]))
			),
			(call, time) => {
				const batch = batches[call];
				if (!batch) throw new Error('a transaction that nobody sent');
				const { payer, transcripts, leaves } = batch;
				const shared = { time, rules: 1, model: adapter, host: 0, amount };
				hashes.push(
					hashBatch({ ...shared, payer, transcripts, leaves: bytesToHex(hash(hexToBytes(leaves))) })
				);
			}
		);
		for (const { list } of batches)
			tree.add(
				splitBatch({
					shares: launchRules,
					sources,
					model: adapter,
					base: 1,
					host: 0,
					poster: 0,
					amount,
					weights: list
				})
			);
		const roots = hashes.map((hash, i) => (i + 1 < hashes.length ? hash : tree.root()));
		await one('evm_setAutomine', [true]);
		await chain.write(poster, settlement, settlementAbi, 'mark');
		await chain.write(poster, settlement, settlementAbi, 'post', [BigInt(day), 0, hashes, roots]);
		await chain.pass(86_400);
		if (day >= DAYS_TO_FINAL)
			await chain.write(poster, settlement, settlementAbi, 'finalise', [BigInt(day - DAYS_TO_FINAL + 1)]);
		await one('evm_setAutomine', [false]);
	}
	return chain;
}
