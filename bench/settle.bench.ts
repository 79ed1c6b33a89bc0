import {
	encodeFunctionData,
	keccak256,
	parseEther,
	stringToHex,
	zeroHash,
	type Abi,
	type Address,
	type Hex
} from 'viem';
import { auditAbi } from '../contracts-abi/abi/Audit.ts';
import { settlementAbi } from '../contracts-abi/abi/Settlement.ts';
import { hashBatch, type Batch } from '../contracts/client/batch.ts';
import { encodeLeaves, type Weight } from '../contracts/client/leaves.ts';
import { generator } from '../contracts/client/random.ts';
import { splitBatch } from '../contracts/client/split.ts';
import { RewardTree, transitionPath } from '../contracts/client/tree.ts';
import { launchRules } from '../contracts/deploy/params.ts';
import { populate, someone, startLocalChain, type LocalChain } from '../contracts/tools/local.ts';
import type { SandboxTimes } from './sandbox.worker.ts';
import type { Rebuilt } from './settle.worker.ts';
import { measureInBrowser, runInBrowser } from './support/in-browser.ts';
import { settleMonth } from './support/month.ts';
import { median } from './support/statistics.ts';

const PEOPLE = 5_000;
const PAYERS = 1_000;
const RECEIPTS = 1_000;
const DAYS = 30;
/** Batches of the simulated day that are really settled, posted and finalised; the rest of the month is the same again. */
const SETTLED = 200;
const CLAIMS = 100;
const SEED = 20_260_913;
const adapter = 2;
const amount = parseEther('1');
const sources = [
	{ datanet: 1, share: 6_000 },
	{ datanet: 2, share: 4_000 }
];

/** `count` of the PEOPLE, ascending, with weights of two full bytes as a rule: calldata cannot be dearer. */
function someWeights(count: number, random: () => number): Weight[] {
	const ids = new Set<number>();
	while (ids.size < count) ids.add(1 + Math.floor(random() * PEOPLE));
	return [...ids].sort((a, b) => a - b).map((id) => ({ id, weight: 1 + Math.floor(random() * 65_535) }));
}

interface Settled {
	weights: Weight[];
	leaves: Hex;
	batch: Batch;
	gas: bigint;
}

const nonces = new Map<Address, number>();

async function settle(chain: LocalChain, payer: Address, weights: Weight[]): Promise<Settled> {
	const leaves = weights.length ? encodeLeaves(weights) : '0x';
	const nonce = nonces.get(payer) ?? 0;
	const transcripts = keccak256(stringToHex(`${payer} ${nonce}`));
	const { settlement } = chain.addresses;
	const args = [adapter, 0, amount, nonce, transcripts, leaves];
	const receipt = await chain.write(payer, settlement, settlementAbi, 'settle', args);
	nonces.set(payer, nonce + 1);
	const { timestamp } = await chain.publicClient.getBlock({ blockNumber: receipt.blockNumber });
	const hash = weights.length ? keccak256(leaves) : zeroHash;
	const batch = {
		payer,
		time: Number(timestamp),
		rules: 1,
		model: adapter,
		host: 0,
		amount,
		transcripts,
		leaves: hash
	};
	return { weights, leaves, batch, gas: receipt.gasUsed };
}

function rewardsOf({ weights }: Settled): Map<number, bigint> {
	return splitBatch({
		shares: launchRules,
		sources,
		model: adapter,
		base: 1,
		host: 0,
		poster: 0,
		amount,
		weights
	});
}

/** Posts the roots of `batches` on top of `tree`, which moves on; waits out the window and finalises. */
async function checkpoint(chain: LocalChain, tree: RewardTree, parent: bigint, batches: Settled[]) {
	const { settlement } = chain.addresses;
	const poster = someone('poster');
	const roots = batches.map((batch) => {
		tree.add(rewardsOf(batch));
		return tree.root();
	});
	const hashes = batches.map(({ batch }) => hashBatch(batch));
	const mark = await chain.write(poster, settlement, settlementAbi, 'mark');
	const post = await chain.write(poster, settlement, settlementAbi, 'post', [parent, 0, hashes, roots]);
	await chain.pass(launchRules.window);
	const finalise = await chain.write(poster, settlement, settlementAbi, 'finalise', [parent + 1n]);
	return { post: mark.gasUsed + post.gasUsed, finalise: finalise.gasUsed };
}

/** Mean gas of claims by the persons themselves, whose accounts therefore exist; `sponsored`: by another for accounts that do not. */
async function claims(
	chain: LocalChain,
	tree: RewardTree,
	from: number,
	count: number,
	sponsored = false
): Promise<number> {
	let gas = 0n;
	for (let key = from; key < from + count; key++) {
		const args = [key, tree.get(key), tree.proof(key)];
		const claimer = someone(sponsored ? 'poster' : `person ${key}`);
		if (!sponsored) await chain.fund(claimer, 1n);
		gas += (await chain.write(claimer, chain.addresses.settlement, settlementAbi, 'claim', args)).gasUsed;
	}
	return Number(gas) / count;
}

/** A root that gives one contributor a wei too much, and the one transaction that voids it. */
async function refute(chain: LocalChain, tree: RewardTree, parent: bigint, batch: Settled): Promise<bigint> {
	const { settlement } = chain.addresses;
	const key = batch.weights[500]?.id ?? 1;
	const before = tree.root();
	const [cumulativeBefore, proofBefore] = [tree.get(key), tree.proof(key)];
	tree.add(rewardsOf(batch));
	tree.add([[key, 1n]]);
	const later = tree.root();
	const hash = hashBatch(batch.batch);
	await chain.write(someone('poster'), settlement, settlementAbi, 'mark');
	await chain.write(someone('poster'), settlement, settlementAbi, 'post', [parent, 0, [hash], [later]]);
	const path = transitionPath(before, [later], [hash], 0);
	const place = { checkpoint: parent + 1n, index: 0n, before, later, path };
	const step = { place, batch: batch.batch, leaves: batch.leaves };
	const args = [step, key, cumulativeBefore, proofBefore, tree.get(key), tree.proof(key), zeroHash];
	return (await chain.write(someone('watcher'), settlement, settlementAbi, 'refute', args)).gasUsed;
}

/** An index row of 256 int8 at depth 17, and the transaction that checks its score. */
function scoredRow(random: () => number) {
	const int8s = (): Hex =>
		`0x${Array.from({ length: 256 }, () => byte(Math.floor(random() * 256))).join('')}`;
	const byte = (value: number) => value.toString(16).padStart(2, '0');
	const [query, row, contributor] = [int8s(), int8s(), 17];
	const path = Array.from({ length: 17 }, (_, i) => keccak256(stringToHex(`sibling ${i}`)));
	let node = keccak256(`0x${contributor.toString(16).padStart(8, '0')}${row.slice(2)}`);
	for (const sibling of path) node = keccak256(`0x${node.slice(2)}${sibling.slice(2)}`);
	return { index: node, query, row: { position: 0, contributor, row, path } };
}

/**
 * What opening a drawn tab costs: its calldata at the EIP-7623 floor, which is more than the checks cost (contracts/src/audit).
 * RECEIPTS lists of ten contributors each. Encoded, not sent: a tab is drawn once in fifty.
 */
function revealGas(random: () => number): number {
	const list = () => encodeLeaves(someWeights(10, random)).slice(2);
	const lists = Array.from({ length: RECEIPTS }, list).map(
		(hex) => `0200${(hex.length / 2).toString(16).padStart(4, '0')}${hex}`
	);
	const word = keccak256('0x');
	const record = {
		salt: word,
		prompt: word,
		output: word,
		query: word,
		entries: word,
		unattributed: 9,
		tokens: 512
	};
	const path = Array<Hex>(10).fill(word);
	const [query, entries]: Hex[] = [`0x${'7b'.repeat(256)}`, `0x${'7b'.repeat(12 * 32)}`];
	const opening = {
		lists: `0x${lists.join('')}`,
		recordsRoot: word,
		count: RECEIPTS,
		record,
		path,
		query,
		entries
	};
	const place = { checkpoint: 1n, index: 3n, before: word, later: word, path };
	const batch = {
		payer: someone('payer'),
		time: 1,
		rules: 1,
		model: 2,
		host: 0,
		amount,
		transcripts: word,
		leaves: word
	};
	const data = encodeFunctionData({
		abi: auditAbi as Abi,
		functionName: 'reveal',
		args: [place, batch, opening, `0x${'7b'.repeat(2_000)}`]
	});
	const bytes = data.slice(2).match(/../g) ?? [];
	return 21_000 + 10 * bytes.reduce((tokens, byte) => tokens + (byte === '00' ? 1 : 4), 0);
}

/** The whole month, settled on anvil, and how long Chromium takes to make its books from the logs alone. */
async function rebuild(random: () => number) {
	const weights = () => someWeights(1_000, random);
	const month = await settleMonth({ days: DAYS, payers: PAYERS, people: PEOPLE, weights });
	try {
		const source = { id: 31337, addresses: month.addresses, fromBlock: 0, depth: 0, rpc: month.url };
		const { result, mebibytes } = await measureInBrowser<Rebuilt>('bench/settle.worker.ts', source);
		const { seconds, againSeconds, batches, finalised, betrayed, verdicts } = result;
		// Every root that was posted is that of the books: 27 final ones, three that wait.
		const right = verdicts.every((verdict) => verdict === 'right') && betrayed === undefined;
		if (!right || batches !== DAYS * PAYERS || finalised + verdicts.length !== DAYS)
			throw new Error(`the rebuilt books are wrong: ${JSON.stringify(result)}`);
		return {
			rebuild_s: seconds,
			rebuild_mb: mebibytes,
			rebuild_again_s: againSeconds,
			rebuild_batches: batches
		};
	} finally {
		month.stop();
	}
}

/** The sandbox in Chromium: median times of a start and of a written settlement. */
async function sandbox() {
	const { first, boot, write } = await runInBrowser<SandboxTimes>('bench/sandbox.worker.ts');
	return { boot_ms: median(boot), boot_first_ms: median(first), write_ms: median(write) };
}

/** Gas on anvil, Prague rules, whole transactions (contracts with the settings of contracts/foundry.toml). */
export async function run(): Promise<object> {
	const random = generator(SEED);
	const scored = scoredRow(random);
	const chain = await startLocalChain();
	try {
		await populate(chain, PEOPLE, scored.index);
		for (const name of ['poster', 'watcher']) await chain.fund(someone(name), parseEther('10000'));
		const payer = someone('payer');
		await chain.fund(payer, parseEther('100000'));
		const tree = new RewardTree();

		// One batch before, so that what is measured is the usual case, not an account's first.
		const first = [await settle(chain, payer, someWeights(10, random))];
		for (const count of [10, 100, 1_000, 0])
			first.push(await settle(chain, payer, someWeights(count, random)));
		const everyone = Array.from({ length: PEOPLE }, (_, i) => ({
			id: i + 1,
			weight: 1 + Math.floor(random() * 65_535)
		}));
		first.push(await settle(chain, payer, everyone));
		const gas = first.map((batch) => Number(batch.gas));
		await checkpoint(chain, tree, 0n, first);
		const claim_first = await claims(chain, tree, 1, CLAIMS);
		const claim_first_new_account = await claims(chain, tree, 1 + CLAIMS, 10, true);

		const day: Settled[] = [];
		for (let i = 0; i < SETTLED; i++) {
			const account = someone(`payer ${i}`);
			await chain.fund(account, parseEther('1000'));
			day.push(await settle(chain, account, someWeights(1_000, random)));
		}
		const posted = await checkpoint(chain, tree, 1n, day);
		const claim_later = await claims(chain, tree, 1, CLAIMS);
		const claim_later_for_another = await claims(chain, tree, 1 + CLAIMS, 10, true);

		const settled = day.reduce((sum, batch) => sum + Number(batch.gas), 0) / SETTLED;
		const perRoot = Number(posted.post) / SETTLED;
		const month =
			DAYS * (PAYERS * (settled + perRoot) + Number(posted.finalise)) + PEOPLE * claim_later_for_another;

		const reveal = revealGas(random);
		const audits = (reveal * launchRules.drawRate) / 10_000 / RECEIPTS;

		const lied = await refute(chain, tree, 2n, await settle(chain, payer, someWeights(1_000, random)));
		const check = encodeFunctionData({
			abi: auditAbi,
			functionName: 'checkScore',
			args: [adapter, scored.query, scored.row]
		});
		const scoreCheck = await chain.send(payer, chain.addresses.audit, check);
		return {
			...(await rebuild(random)),
			...(await sandbox()),
			settle_10: gas[1],
			settle_100: gas[2],
			settle_1000: gas[3],
			settle_private: gas[4],
			settle_5000: gas[5],
			claim_first,
			claim_first_new_account,
			claim_later,
			claim_later_for_another,
			refute: Number(lied),
			score_check: Number(scoreCheck.gasUsed),
			per_inference_month: month / (DAYS * PAYERS * RECEIPTS) + audits,
			per_inference_audits: audits,
			post_per_batch: perRoot,
			reveal: Math.round(reveal),
			finalise: Number(posted.finalise),
			contributors: PEOPLE,
			seed: SEED
		};
	} finally {
		chain.stop();
	}
}
