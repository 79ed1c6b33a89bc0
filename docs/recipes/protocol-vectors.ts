/** Writes docs/protocol.vectors.json: one small case of every hash and layout of docs/protocol.md. Usage: node docs/recipes/protocol-vectors.ts */
import { writeFileSync } from 'node:fs';
import { makeReceipt, recordOf, hashRecord, type Transcript } from '#workers/attribution/receipts/receipt.ts';
import { IndexTree } from '#workers/attribution/index/merkle.ts';
import { adapterId } from '#workers/adapters/adapter-id.ts';
import { formatAdapterLink } from '#workers/adapters/link.ts';
import { signBatch } from '#workers/datanets/batch.ts';
import { headerOf, makeContribution } from '#workers/datanets/contribution.ts';
import { localSigner } from '#workers/datanets/identity.ts';
import { makeVersion } from '#workers/datanets/version.ts';
import { hashBatch } from '../../contracts/client/batch.ts';
import { rewardKey } from '../../contracts/client/keys.ts';
import { encodeLeaves } from '../../contracts/client/leaves.ts';
import { RewardTree } from '../../contracts/client/tree.ts';
import { keccak256 } from 'viem';

/** The key of nobody: never use it for anything else. */
const privateKey = `0x${'11'.repeat(32)}` as const;
const signer = localSigner(privateKey);
const created = new Date('2026-03-01T12:00:00Z');
const bytes32 = (byte: string) => `0x${byte.repeat(32)}` as const;

const stated = {
	contributor: signer.address,
	licence: 'CC-BY-4.0',
	source: 'Field notes, p. 7',
	language: 'en',
	created,
	parent: null,
	parentShare: 0
};
const rows = [
	makeContribution({
		...stated,
		tags: ['heart', 'anatomy'],
		content: {
			kind: 'pair',
			prompt: 'What is the aorta?',
			response: 'The largest artery — it leaves the heart.'
		}
	}),
	makeContribution({ ...stated, tags: [], content: { kind: 'passage', text: 'Veins carry blood back.' } })
];
const batch = await signBatch(rows, signer, created);
const version = makeVersion(rows, '', created);

const index = {
	dims: 32,
	contributors: [1, 2, 0],
	rows: [0, 1, 2].map((row) => Array.from({ length: 32 }, (_, i) => ((i * 7 + row * 11) % 255) - 127))
};
const tree = await IndexTree.build(Int8Array.from(index.rows.flat()), Uint32Array.from(index.contributors));

const transcript: Transcript = {
	salt: bytes32('22'),
	prompt: [1, 17, 400],
	reply: [5, 6, 7, 8],
	query: Int8Array.from({ length: 32 }, (_, i) => i - 16),
	entries: [
		{ contributor: 1, row: 0, score: 900 },
		{ contributor: 2, row: 1, score: 300 }
	]
};
const receipt = makeReceipt(
	{
		base: 'ab'.repeat(32),
		adapter: { config: 'cd'.repeat(32), weights: 'ef'.repeat(32) },
		index: { root: tree.root, description: bytes32('33') },
		unmeasured: null,
		lift: 2_500_000,
		support: 1_000_000,
		unattributed: 1300,
		host: 0,
		price: '1000000000000000000',
		time: 1_772_366_400
	},
	transcript
);

const weights = [
	{ id: 0, weight: 20_000 },
	{ id: 1, weight: 30_000 },
	{ id: 700, weight: 15_535 }
];
const leaves = encodeLeaves(weights);
const settled = {
	payer: signer.address,
	time: 1_772_366_500,
	rules: 1,
	model: 2,
	host: 0,
	amount: 4_000_000_000_000_000n,
	transcripts: bytes32('44'),
	leaves: keccak256(leaves)
};
const rewards = new RewardTree();
rewards.add([
	[rewardKey('person', 1), 5n],
	[rewardKey('treasury'), 7n]
]);

const link = {
	source: { kind: 'hub', repo: 'ada/anatomy', revision: 'main', folder: '' },
	id: 'ab'.repeat(32)
} as const;
export const vectors = {
	about:
		'One small case of every hash and layout of protocol.md. Made by docs/recipes/protocol-vectors.ts, checked by a second implementation in test/interop/protocol.test.ts.',
	privateKey,
	contributions: rows.map((row) => ({ content: row.content, header: headerOf(row) })),
	batch: { created: batch.created, root: batch.root, signature: batch.signature },
	version: { root: version.root },
	adapter: {
		weights: 'ef'.repeat(32),
		config: 'cd'.repeat(32),
		id: await adapterId({
			'adapter_model.safetensors': 'ef'.repeat(32),
			'adapter_config.json': 'cd'.repeat(32)
		}),
		link: formatAdapterLink(link)
	},
	index: { ...index, root: tree.root, proofOfRow1: tree.proof(1) },
	receipt: {
		receipt,
		transcript: { ...transcript, query: [...transcript.query] },
		record: hashRecord(recordOf(receipt))
	},
	leaves: { weights, bytes: leaves },
	settlement: { ...settled, amount: String(settled.amount), hash: hashBatch(settled) },
	rewards: {
		entries: [...rewards.entries()].map(([key, wei]) => [key, String(wei)]),
		root: rewards.root(),
		proofOfTheFirst: rewards.proof(rewardKey('person', 1))
	}
};
if (import.meta.main)
	writeFileSync(
		new URL('../protocol.vectors.json', import.meta.url),
		`${JSON.stringify(vectors, null, '\t')}\n`
	);
