import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { expect, test } from 'vitest';
import { Dice } from '#test/support/dice.ts';
import { toHex, type Hex } from '../hash.ts';
import { LEAF_TYPES, leafHash, packLeaves, type LeafValue } from './leaf.ts';
import { sortPacked, unpackIds } from './packed.ts';
import { buildTree, merkleProof, merkleRoot, replaceLeaves, rootOf } from './tree.ts';

function randomHex(dice: Dice, bytes: number): Hex {
	return toHex(Uint8Array.from({ length: bytes }, () => dice.below(256)));
}

function randomLeaves(dice: Dice, count: number): LeafValue[] {
	return Array.from({ length: count }, () => ({
		id: randomHex(dice, 32),
		contributor: randomHex(dice, 20)
	}));
}

function openZeppelin(values: LeafValue[]) {
	return StandardMerkleTree.of(
		values.map(({ id, contributor }) => [id, contributor]),
		[...LEAF_TYPES]
	);
}

test('root and every proof are those of OpenZeppelin, whatever the number of leaves', () => {
	const dice = new Dice();
	for (const count of [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 100]) {
		const values = randomLeaves(dice, count);
		const reference = openZeppelin(values);
		const nodes = buildTree(sortPacked(packLeaves(values)).sorted);
		expect(rootOf(nodes)).toBe(reference.root);
		for (const value of values)
			expect(merkleProof(nodes, leafHash(value))).toEqual(reference.getProof([value.id, value.contributor]));
	}
});

test('the order in which rows come does not change the root', () => {
	const dice = new Dice();
	const values = randomLeaves(dice, 200);
	const shuffled = dice.shuffle(values);
	expect(shuffled).not.toEqual(values);
	expect(merkleRoot(packLeaves(shuffled))).toBe(merkleRoot(packLeaves(values)));
});

test('a tree after many changes equals a tree built from scratch', () => {
	const dice = new Dice();
	let values = randomLeaves(dice, 50);
	let sorted = sortPacked(packLeaves(values)).sorted;
	for (let step = 0; step < 100; step++) {
		const removed = dice.shuffle(values).slice(0, dice.below(5));
		const added = randomLeaves(dice, 1 + dice.below(5));
		values = [...values.filter((value) => !removed.includes(value)), ...added];
		sorted = replaceLeaves(sorted, removed.map(leafHash), added.map(leafHash));
		expect(rootOf(buildTree(sorted))).toBe(openZeppelin(values).root);
	}
});

test('a leaf that is not in the tree has no proof', () => {
	const dice = new Dice();
	const values = randomLeaves(dice, 10);
	const nodes = buildTree(sortPacked(packLeaves(values)).sorted);
	expect(() => merkleProof(nodes, new Uint8Array(32))).toThrow(RangeError);
});

test('hashes are sorted by all their bytes, also where the first ones are equal', () => {
	const dice = new Dice();
	for (const alike of [0, 4, 31]) {
		const hashes = Array.from({ length: 300 }, () =>
			Uint8Array.from({ length: 32 }, (_, i) => (i < alike ? 7 : dice.below(256)))
		);
		const packed = new Uint8Array(hashes.flatMap((hash) => [...hash]));
		const expected = hashes.map((hash) => toHex(hash)).sort();
		expect([...unpackIds(sortPacked(packed).sorted)]).toEqual(expected);
	}
});
