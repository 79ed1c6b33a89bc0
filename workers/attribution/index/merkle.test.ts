import { concatHex, encodePacked, keccak256, toHex, type Hex } from 'viem';
import { expect, test } from 'vitest';
import { Dice } from '#test/support/dice.ts';
import { IndexTree } from './merkle.ts';

const zero: Hex = toHex(0, { size: 32 });

/** Scores.holds, by another library. */
function climb(leaf: Hex, position: number, path: Hex[]): Hex {
	return path.reduce(
		(hash, sibling, i) =>
			keccak256((position >> i) & 1 ? concatHex([sibling, hash]) : concatHex([hash, sibling])),
		leaf
	);
}

test('every position climbs to the root as the audit contract climbs; unused ones as zero', async () => {
	const dice = new Dice();
	for (const count of [1, 2, 3, 5, 8, 33]) {
		const width = 32;
		const rows = Int8Array.from({ length: count * width }, () => dice.below(256) - 128);
		const contributors = Uint32Array.from({ length: count }, (_, i) =>
			i % 4 === 3 ? 0 : 1 + dice.below(99)
		);
		const tree = await IndexTree.build(rows, contributors);
		const depth = Math.ceil(Math.log2(count));
		for (let i = 0; i < 2 ** depth; i++) {
			const row = toHex(Uint8Array.from(rows.subarray(i * width, (i + 1) * width), (value) => value & 255));
			const id = contributors[i] ?? 0;
			const leaf = id === 0 ? zero : keccak256(encodePacked(['uint32', 'bytes'], [id, row]));
			expect(tree.proof(i)).toHaveLength(depth);
			expect(climb(leaf, i, tree.proof(i))).toBe(tree.root);
		}
	}
});

test('a changed byte, contributor or order is another root; a cancelled build stops', async () => {
	const rows = Int8Array.from({ length: 4 * 32 }, (_, i) => i);
	const ids = Uint32Array.of(1, 2, 3, 4);
	const { root } = await IndexTree.build(rows, ids);
	const changed = rows.slice();
	changed[77] = -1;
	expect((await IndexTree.build(changed, ids)).root).not.toBe(root);
	expect((await IndexTree.build(rows, Uint32Array.of(1, 2, 4, 3))).root).not.toBe(root);
	const many = 5000;
	const stop = () => {
		throw new Error('stop');
	};
	await expect(
		IndexTree.build(new Int8Array(many * 16), new Uint32Array(many).fill(1), stop)
	).rejects.toThrow('stop');
});
