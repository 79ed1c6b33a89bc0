import { createHash } from 'node:crypto';
import { CarReader } from '@ipld/car';
import { expect, test } from 'vitest';
import { carOf } from './car.ts';

/** A file of one leaf has the leaf's CID: base32 of 01 55 12 20 and its SHA-256, computed with Python. */
test('a small file has the CID that its hash says', async () => {
	const { cid } = await carOf([{ content: new Blob(['hello world']) }]);
	expect(cid).toBe('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e');
});

test('every block of the archive has the hash that its CID says, and the leaves make up the file', async () => {
	const bytes = new Uint8Array(1_000_000).map((_, i) => (i * 7) % 251);
	const { car, cid } = await carOf([{ content: new Blob([bytes]) }]);
	const reader = await CarReader.fromBytes(new Uint8Array(await car.arrayBuffer()));
	expect((await reader.getRoots()).map(String)).toEqual([cid]);
	const leaves: Uint8Array[] = [];
	for await (const block of reader.blocks()) {
		expect(Buffer.from(block.cid.multihash.digest)).toEqual(
			createHash('sha256').update(block.bytes).digest()
		);
		if (block.cid.code === 0x55) leaves.push(block.bytes);
	}
	expect(leaves).toHaveLength(4);
	expect(Buffer.concat(leaves)).toEqual(Buffer.from(bytes));
});
