import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { keccak256, parseEther, stringToHex, zeroHash, type Hex } from 'viem';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { splitterAbi } from '../../contracts-abi/abi/Splitter.ts';
import { launchRules } from '../deploy/params.ts';
import { deploymentAddresses } from '../deploy/plan.ts';
import { deploy } from '../deploy/deploy.ts';
import { populate, someone, startLocalChain, type LocalChain } from '../tools/local.ts';
import { hashBatch, type Batch } from './batch.ts';
import { encodeLeaves, type Weight } from './leaves.ts';
import { generator } from './random.ts';
import { splitBatch, type SplitInput } from './split.ts';
import { RewardTree, transitionPath } from './tree.ts';

const PEOPLE = 60;
const seed = Date.now() % 2 ** 31;
const random = generator(seed);
const upTo = (n: number) => Math.floor(random() * n);
const sources = [
	{ datanet: 1, share: 6_000 },
	{ datanet: 2, share: 4_000 }
];
const payer = someone('payer');
const poster = someone('poster');
let chain: LocalChain;
let nonce = 0;

before(async () => {
	chain = await startLocalChain();
	await populate(chain, PEOPLE);
	for (const account of [payer, poster]) await chain.fund(account, parseEther('100000'));
});
after(() => chain.stop());

function someWeights(): Weight[] {
	const ids = [...Array(PEOPLE + 1).keys()].filter(() => random() < 0.3);
	return ids.map((id) => ({ id, weight: 1 + upTo(65_535) }));
}

interface Settled {
	batch: Batch;
	leaves: Hex;
	input: Omit<SplitInput, 'poster'>;
}

async function settle(model: 1 | 2): Promise<Settled> {
	const weights = random() < 0.3 ? undefined : someWeights();
	const leaves = weights?.length ? encodeLeaves(weights) : '0x';
	const host = upTo(3);
	const amount = random() < 0.3 ? BigInt(1 + upTo(10_000)) : parseEther('1') + BigInt(upTo(2 ** 40));
	const transcripts = keccak256(stringToHex(`tab ${nonce}`));
	const args = [model, host, amount, nonce++, transcripts, leaves];
	const receipt = await chain.write(payer, chain.addresses.settlement, settlementAbi, 'settle', args);
	const block = await chain.publicClient.getBlock({ blockNumber: receipt.blockNumber });
	const hash = leaves === '0x' ? zeroHash : keccak256(leaves);
	const batch = { payer, time: Number(block.timestamp), rules: 1, model, host, amount, transcripts, leaves: hash };
	const lineage = model === 2 ? { base: 1, sources } : { base: 0, sources: [] };
	return { batch, leaves, input: { shares: launchRules, model, host, amount, weights, ...lineage } };
}

test(`rewards are the contract's own, to the wei (seed ${seed})`, async () => {
	for (let round = 0; round < 30; round++) {
		const { batch, leaves, input } = await settle(random() < 0.5 ? 1 : 2);
		const by = upTo(4);
		const [keys, rewards] = await chain.publicClient.readContract({
			address: chain.addresses.splitter,
			abi: splitterAbi,
			functionName: 'all',
			args: [batch, by, leaves]
		});
		const ours = splitBatch({ ...input, poster: by });
		const theirs = new Map(keys.map((key, i) => [key, rewards[i] ?? 0n] as const).filter(([, wei]) => wei > 0n));
		assert.deepEqual(new Map([...ours].sort(([a], [b]) => a - b)), theirs, `seed ${seed}, round ${round}`);
		assert.equal([...ours.values()].reduce((a, b) => a + b), input.amount);
	}
});

test(`settle, post, finalise, claim; and a root behind which nobody sees is replayed (seed ${seed})`, async () => {
	const { settlement } = chain.addresses;
	const tree = new RewardTree();
	// The batches of the test before are part of the chain's history too: begin on a chain of its own.
	const fresh = await startLocalChain();
	const old = chain;
	chain = fresh;
	nonce = 0;
	try {
		await populate(chain, PEOPLE);
		for (const account of [payer, poster]) await chain.fund(account, parseEther('100000'));
		const batches: Settled[] = [];
		for (let i = 0; i < 5; i++) batches.push(await settle(2));
		const hashes = batches.map(({ batch }) => hashBatch(batch));
		const roots: Hex[] = [];
		const befores: Hex[] = [zeroHash];
		let witness: Hex[] = [];
		let touched: number[] = [];
		for (const [i, { input }] of batches.entries()) {
			const rewards = splitBatch({ ...input, poster: 0 });
			if (i === 3) {
				const [keys] = await chain.publicClient.readContract({
					address: chain.addresses.splitter,
					abi: splitterAbi,
					functionName: 'all',
					args: [batches[3]?.batch as Batch, 0, batches[3]?.leaves as Hex]
				});
				touched = [...keys];
				witness = tree.witness(touched);
			}
			tree.add(rewards);
			roots.push(tree.root());
			befores.push(tree.root());
		}
		await chain.write(poster, settlement, settlementAbi, 'mark');

		// Checkpoint 1: a hidden tree from the fourth batch on.
		const lie = roots.map((root, i) => (i < 3 ? root : keccak256(root)));
		await chain.write(poster, settlement, settlementAbi, 'post', [0n, 0, hashes, lie]);
		const path = transitionPath(zeroHash, lie, hashes, 3);
		const place = { checkpoint: 1n, index: 3n, before: befores[3], later: lie[3], path };
		const step = { place, batch: batches[3]?.batch, leaves: batches[3]?.leaves };
		await chain.write(someone('curator'), settlement, settlementAbi, 'replay', [step, BigInt(touched.length), witness, zeroHash]);
		const fallen = await chain.publicClient.readContract({
			address: settlement,
			abi: settlementAbi,
			functionName: 'checkpoint',
			args: [1n]
		});
		assert.ok(fallen.refutedAt > 0, `seed ${seed}`);

		// Checkpoint 2: the truth. Every wei can be claimed.
		await chain.write(poster, settlement, settlementAbi, 'post', [0n, 0, hashes, roots]);
		await chain.pass(launchRules.window);
		await chain.write(poster, settlement, settlementAbi, 'finalise', [2n]);
		const held = () => chain.publicClient.getBalance({ address: settlement });
		const all = [...tree.entries()].map(([key, cumulative]) => ({ key, cumulative, proof: tree.proof(key) }));
		const total = all.reduce((sum, { cumulative }) => sum + cumulative, 0n);
		assert.equal(total, batches.reduce((sum, { batch }) => sum + batch.amount, 0n), `seed ${seed}`);
		const start = await held();
		await chain.write(poster, settlement, settlementAbi, 'claimMany', [all]);
		for (const { key, cumulative } of all) {
			const args = [key] as const;
			const claimed = await chain.publicClient.readContract({ address: settlement, abi: settlementAbi, functionName: 'claimed', args });
			assert.equal(claimed, cumulative, `seed ${seed}, key ${key}`);
		}
		// People and owners were paid in coin, the modules and the treasury in prepaid balance.
		const coin = all.filter(({ key }) => key < 2 ** 30).reduce((sum, { cumulative }) => sum + cumulative, 0n);
		assert.equal(start - (await held()), coin, `seed ${seed}`);
	} finally {
		fresh.stop();
		chain = old;
	}
});

test('a deployment can be run again, and its addresses follow from the owner alone', async () => {
	const { publicClient, walletClient, owner, addresses } = chain;
	assert.deepEqual(addresses, deploymentAddresses({ owner }));
	// The address list of the local chain, as the command line wrote it.
	const file = new URL('../../contracts-abi/addresses/31337.json', import.meta.url);
	assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), addresses);
	const height = await publicClient.getBlockNumber();
	assert.deepEqual(await deploy({ publicClient, walletClient }), addresses);
	assert.equal(await publicClient.getBlockNumber(), height);
	assert.notEqual(deploymentAddresses({ owner: payer }).settlement, addresses.settlement);
});
