import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import {
	concatHex,
	encodeAbiParameters,
	encodePacked,
	keccak256,
	numberToHex,
	parseAbiParameters,
	size,
	slice,
	stringToHex,
	toHex,
	zeroHash,
	type Hex
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, test } from 'vitest';

/** docs/protocol.md by other means than the product's: what the page says must be enough to get the same. */
interface Vectors {
	privateKey: Hex;
	contributions: { content: object; header: { id: Hex; contentHash: Hex; contributor: Hex } }[];
	batch: { created: string; root: Hex; signature: Hex };
	version: { root: Hex };
	adapter: { weights: string; config: string; id: string };
	index: { dims: number; contributors: number[]; rows: number[][]; root: Hex; proofOfRow1: Hex[] };
	receipt: {
		receipt: Record<'id' | 'prompt' | 'reply' | 'query' | 'entries', Hex> & {
			lift: number;
			unattributed: number;
			tokens: { reply: number };
			weights: { id: number; weight: number }[];
		};
		transcript: {
			salt: Hex;
			prompt: number[];
			reply: number[];
			query: number[];
			entries: { contributor: number; row: number; score: number }[];
		};
		record: Hex;
	};
	leaves: { weights: { id: number; weight: number }[]; bytes: Hex };
	settlement: Record<'payer' | 'transcripts' | 'leaves' | 'hash', Hex> &
		Record<'time' | 'rules' | 'model' | 'host', number> & { amount: string };
	rewards: { entries: [number, string][]; root: Hex; proofOfTheFirst: Hex };
}

const vectors = JSON.parse(
	readFileSync(new URL('../../docs/protocol.vectors.json', import.meta.url), 'utf8')
) as Vectors;

/** RFC 8785 for what these records hold: objects with their keys in order, integers, strings. */
function canonical(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
	if (typeof value !== 'object' || value === null) return JSON.stringify(value);
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return `{${entries.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`).join(',')}}`;
}
const hashJson = (value: unknown) => keccak256(stringToHex(canonical(value)));
const int8 = (values: number[]) => toHex(Uint8Array.from(values, (value) => value & 255));

describe('contributions', () => {
	test.each(vectors.contributions)('have the hash of their content, and their header’s as id', (one) => {
		const { id, ...header } = one.header;
		expect(hashJson(one.content)).toBe(header.contentHash);
		expect(hashJson({ version: 1, ...header })).toBe(id);
	});

	test('are signed together, and frozen together, by the root of a standard Merkle tree', async () => {
		const rows = vectors.contributions.map(({ header }) => [header.id, header.contributor]);
		const { root } = StandardMerkleTree.of(rows, ['bytes32', 'address']);
		expect(vectors.batch.root).toBe(root);
		expect(vectors.version.root).toBe(root);
		const account = privateKeyToAccount(vectors.privateKey);
		const signature = await account.signTypedData({
			domain: { name: 'OpenLedger Datanets', version: '1' },
			types: {
				ContributionBatch: [
					{ name: 'statement', type: 'string' },
					{ name: 'contributor', type: 'address' },
					{ name: 'root', type: 'bytes32' },
					{ name: 'count', type: 'uint256' },
					{ name: 'created', type: 'string' }
				]
			},
			primaryType: 'ContributionBatch',
			message: {
				statement:
					'I contribute these rows under the licences they state. This moves no money and gives no permission to spend.',
				contributor: account.address,
				root: root as Hex,
				count: 2n,
				created: vectors.batch.created
			}
		});
		expect(vectors.batch.signature).toBe(signature);
	});
});

test('an adapter’s id is the hash of its files’ hashes', () => {
	const { weights, config, id } = vectors.adapter;
	expect(createHash('sha256').update(`${weights}\n${config}\n`).digest('hex')).toBe(id);
});

test('the rows of an index hang under its root by their position', () => {
	const { contributors, rows, root, proofOfRow1 } = vectors.index;
	const leaves = [0, 1, 2, 3].map((i) => {
		const contributor = contributors[i] ?? 0;
		return contributor === 0
			? zeroHash
			: keccak256(concatHex([numberToHex(contributor, { size: 4 }), int8(rows[i] ?? [])]));
	});
	const [a = zeroHash, b = zeroHash, c = zeroHash, d = zeroHash] = leaves;
	const [left, right] = [keccak256(concatHex([a, b])), keccak256(concatHex([c, d]))];
	expect(keccak256(concatHex([left, right]))).toBe(root);
	expect(proofOfRow1).toEqual([a, right]);
});

describe('a receipt', () => {
	const { receipt, transcript, record } = vectors.receipt;
	const { salt, prompt, reply, query, entries } = transcript;

	test('hashes its transcript, and itself', () => {
		const { id, ...fields } = receipt;
		const tokens = (what: string, ids: number[]) =>
			keccak256(concatHex([salt, stringToHex(what), ...ids.map((token) => numberToHex(token, { size: 4 }))]));
		expect(tokens('prompt', prompt)).toBe(receipt.prompt);
		expect(tokens('reply', reply)).toBe(receipt.reply);
		expect(keccak256(int8(query))).toBe(receipt.query);
		const packed = entries.flatMap(({ contributor, row, score }) => [contributor, row, score]);
		expect(
			keccak256(
				encodePacked(
					packed.map(() => 'uint32'),
					packed
				)
			)
		).toBe(receipt.entries);
		expect(hashJson(fields)).toBe(id);
	});

	test('shares out by largest remainder', () => {
		const scores = new Map([[0, receipt.unattributed]]);
		for (const { contributor, score } of entries)
			scores.set(contributor, (scores.get(contributor) ?? 0) + score);
		const whole = [...scores.values()].reduce((sum, score) => sum + score, 0);
		const exact = [...scores].map(([id, score]) => ({ id, share: (65_535 * score) / whole }));
		const given = exact.reduce((sum, { share }) => sum + Math.floor(share), 0);
		const lucky = [...exact]
			.sort((a, b) => (b.share % 1) - (a.share % 1) || a.id - b.id)
			.slice(0, 65_535 - given)
			.map(({ id }) => id);
		expect(receipt.weights).toEqual(
			exact.map(({ id, share }) => ({ id, weight: Math.floor(share) + Number(lucky.includes(id)) }))
		);
	});

	test('is one leaf of the tree that a batch commits to', () => {
		const types = parseAbiParameters('bytes32, bytes32, bytes32, bytes32, bytes32, uint32, uint16');
		const { id, prompt, reply, query, entries, unattributed, tokens } = receipt;
		const values = [id, prompt, reply, query, entries, unattributed, tokens.reply] as const;
		expect(keccak256(encodeAbiParameters(types, values))).toBe(record);
	});
});

test('leaves are steps from position to position', () => {
	const { weights, bytes } = vectors.leaves;
	const read: typeof weights = [];
	let position = 0;
	for (let at = 0; at < size(bytes); at += 3) {
		const advance = Number(slice(bytes, at, at + 1));
		const value = Number(slice(bytes, at + 1, at + 3));
		position += advance === 0 ? 256 * value : advance;
		if (advance > 0 && value > 0) read.push({ id: position - 1, weight: value });
	}
	expect(read).toEqual(weights);
	expect(keccak256(bytes)).toBe(vectors.settlement.leaves);
});

test('a settlement’s hash is that of its eight fields', () => {
	const { payer, time, rules, model, host, amount, transcripts, leaves, hash } = vectors.settlement;
	const types = parseAbiParameters('address, uint40, uint16, uint32, uint32, uint96, bytes32, bytes32');
	const values = [payer, time, rules, model, host, BigInt(amount), transcripts, leaves] as const;
	expect(keccak256(encodeAbiParameters(types, values))).toBe(hash);
});

test('rewards hang in a sparse tree of depth 32', () => {
	const { entries, root, proofOfTheFirst } = vectors.rewards;
	let level = new Map(
		entries.map(([key, wei]) => [
			BigInt(key),
			keccak256(encodePacked(['uint32', 'uint128'], [key, BigInt(wei)]))
		])
	);
	const first = BigInt(entries[0]?.[0] ?? 0);
	const siblings: [depth: number, hash: Hex][] = [];
	for (let depth = 0; depth < 32; depth++) {
		const sibling = level.get((first >> BigInt(depth)) ^ 1n);
		if (sibling) siblings.push([depth, sibling]);
		const above = new Map<bigint, Hex>();
		for (const key of level.keys()) {
			const pair = [level.get(key & ~1n) ?? zeroHash, level.get(key | 1n) ?? zeroHash];
			above.set(key >> 1n, keccak256(concatHex(pair)));
		}
		level = above;
	}
	expect(level.get(0n)).toBe(root);
	const map = siblings.reduce((sum, [depth]) => sum + 2 ** depth, 0);
	expect(proofOfTheFirst).toBe(
		concatHex([numberToHex(map, { size: 4 }), ...siblings.map(([, hash]) => hash)])
	);
});

test('the vectors are what the product makes', async () => {
	const before = readFileSync(new URL('../../docs/protocol.vectors.json', import.meta.url), 'utf8');
	const { vectors: made } = await import('../../docs/recipes/protocol-vectors.ts');
	expect(JSON.parse(JSON.stringify(made))).toEqual(JSON.parse(before));
});
