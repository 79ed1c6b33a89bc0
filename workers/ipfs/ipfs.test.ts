import { CarReader } from '@ipld/car';
import { encode, prepare } from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import { CID } from 'multiformats/cid';
import { sha256 } from 'multiformats/hashes/sha2';
import { expect, test } from 'vitest';
import { ipfsGateway } from '#test/support/ipfs-gateway.ts';
import { openArchive } from './archive.ts';
import { parseCid } from './blocks.ts';
import { carOf } from './car.ts';
import { gatewayBlocks } from './gateway.ts';
import { fileSize, listFolder, readFile } from './unixfs.ts';

const policy = { attempts: 2, baseMs: 1, maxMs: 5, stallMs: 2000 };
const tooMany = (bytes: number) => new RangeError(`${bytes} bytes`);
const limits = { most: 4 << 20, tooMany };
const large = new Uint8Array(1_000_000).map((_, i) => (i * 7) % 251);

async function gateway(...from: Parameters<typeof ipfsGateway>) {
	const { url, seen } = await ipfsGateway(...from);
	return { blocks: gatewayBlocks(url, policy), seen };
}

const folder = () =>
	carOf([
		{ path: 'small.json', content: new Blob(['{}']) },
		{ path: 'large.bin', content: new Blob([large]) }
	]);

/** A block of UnixFS and its CID, made by hand. */
async function blockOf(entry: UnixFS, children: { cid: CID; size: number }[] = []) {
	const links = children.map(({ cid, size }) => ({ Name: '', Tsize: size, Hash: cid }));
	const bytes = encode(prepare({ Data: entry.marshal(), Links: links }));
	return { cid: CID.createV1(0x70, await sha256.digest(bytes)), bytes };
}

test('a folder comes whole from a gateway, each block once', async () => {
	const { car, cid } = await folder();
	const { blocks, seen } = await gateway(car);
	const files = await listFolder(blocks, parseCid(cid), '');
	expect([...(files?.keys() ?? [])].sort()).toEqual(['large.bin', 'small.json']);
	const file = files?.get('large.bin') as CID;
	expect(await fileSize(blocks, file)).toBe(large.length);
	seen.length = 0;
	let done = 0;
	const bytes = await readFile(blocks, file, { ...limits, onBytes: (sum) => (done = sum) });
	expect(Buffer.from(bytes).equals(Buffer.from(large))).toBe(true);
	expect(done).toBe(large.length);
	expect(seen).toHaveLength(5);
	expect(new Set(seen).size).toBe(5);
});

test('one changed bit of any block is refused, whichever it is', async () => {
	const { car, cid } = await folder();
	const archive = await openArchive(new Uint8Array(await car.arrayBuffer()));
	const names = [
		...((await listFolder(archive.blocks, parseCid(cid), '')) ?? new Map<string, CID>()).values()
	].map(String);
	const leaf = (await CarReader.fromBytes(new Uint8Array(await car.arrayBuffer()))).blocks();
	for await (const { cid: each } of leaf) names.push(String(each));
	for (const bad of new Set(names)) {
		const { blocks } = await gateway(car, (name, bytes) =>
			name === bad && bytes
				? Uint8Array.from(bytes, (byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte))
				: bytes
		);
		const read = async () => {
			for (const file of ((await listFolder(blocks, parseCid(cid), '')) ?? new Map<string, CID>()).values())
				await readFile(blocks, file, limits);
		};
		await expect(read()).rejects.toMatchObject({ code: 'ipfs/wrong-block' });
	}
});

test('a gateway that sends too much, another block, a page, or nothing gets nowhere', async () => {
	const { car, cid } = await carOf([{ content: new Blob(['hello world']) }]);
	const read = async (send: Parameters<typeof gateway>[1]) =>
		readFile((await gateway(car, send)).blocks, parseCid(cid), limits);
	await expect(read(() => new Uint8Array(3 << 20))).rejects.toMatchObject({ code: 'ipfs/wrong-block' });
	await expect(read(() => Buffer.from('<html>Sign in</html>'))).rejects.toMatchObject({
		code: 'ipfs/wrong-block',
		message: 'A web page came where data was expected.'
	});
	await expect(read(() => new Uint8Array())).rejects.toMatchObject({ code: 'ipfs/wrong-block' });
	await expect(read(() => 404)).rejects.toMatchObject({ code: 'hub/not-found' });
	await expect(read(() => 429)).rejects.toMatchObject({ code: 'hub/unreachable' });
});

test('what is honestly hashed and still hostile is bounded: lies about length, cycles of zeros, depth, folders for files', async () => {
	const store = new Map<string, Uint8Array>();
	const keep = ({ cid, bytes }: { cid: CID; bytes: Uint8Array }) => (store.set(String(cid), bytes), cid);
	let asked = 0;
	const blocks = (cid: CID) => {
		asked++;
		return Promise.resolve(store.get(String(cid)) as Uint8Array);
	};
	const leaf = keep(await blockOf(new UnixFS({ type: 'file', data: new Uint8Array(10) })));
	const liar = keep(await blockOf(new UnixFS({ type: 'file', blockSizes: [4n] }), [{ cid: leaf, size: 4 }]));
	await expect(readFile(blocks, liar, limits)).rejects.toMatchObject({ code: 'ipfs/malformed' });

	const huge = keep(
		await blockOf(new UnixFS({ type: 'file', blockSizes: [1n << 50n] }), [{ cid: leaf, size: 1 }])
	);
	await expect(readFile(blocks, huge, limits)).rejects.toThrow(RangeError);

	// 2^15 times the same empty leaf, in fifteen blocks.
	let bomb = keep(await blockOf(new UnixFS({ type: 'file', data: new Uint8Array() })));
	for (let level = 0; level < 15; level++)
		bomb = keep(
			await blockOf(new UnixFS({ type: 'file', blockSizes: [0n, 0n] }), [
				{ cid: bomb, size: 0 },
				{ cid: bomb, size: 0 }
			])
		);
	asked = 0;
	await expect(readFile(blocks, bomb, limits)).rejects.toMatchObject({ code: 'ipfs/malformed' });
	expect(asked).toBeLessThanOrEqual(20_000);

	let deep = leaf;
	for (let level = 0; level < 40; level++)
		deep = keep(await blockOf(new UnixFS({ type: 'file', blockSizes: [10n] }), [{ cid: deep, size: 10 }]));
	await expect(readFile(blocks, deep, limits)).rejects.toMatchObject({ code: 'ipfs/malformed' });

	const empty = keep(await blockOf(new UnixFS({ type: 'directory' })));
	await expect(readFile(blocks, empty, limits)).rejects.toMatchObject({ code: 'ipfs/malformed' });
	expect(await listFolder(blocks, empty, 'sub')).toBeUndefined();
});

test('an archive with a changed or missing block, two roots, or its end cut off is refused', async () => {
	const { car, cid } = await carOf([{ content: new Blob(['hello world']) }]);
	const bytes = new Uint8Array(await car.arrayBuffer());
	const read = async (packed: Uint8Array) => {
		const { root, blocks } = await openArchive(packed);
		return readFile(blocks, root, limits);
	};
	expect(new TextDecoder().decode(await read(bytes))).toBe('hello world');
	const changed = Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
	await expect(read(changed)).rejects.toMatchObject({ code: 'ipfs/wrong-block' });
	await expect(read(bytes.subarray(0, bytes.length - 3))).rejects.toMatchObject({ code: 'ipfs/malformed' });
	await expect(read(new Uint8Array(20))).rejects.toMatchObject({ code: 'ipfs/malformed' });
	const { blocks } = await openArchive(bytes);
	const other = (await carOf([{ content: new Blob(['other']) }])).cid;
	expect(other).not.toBe(cid);
	await expect(blocks(parseCid(other))).rejects.toMatchObject({ code: 'ipfs/malformed' });
});

test('a CID of another hash, or none at all, is refused with what to do', async () => {
	expect(() => parseCid('bafynothing')).toThrow(expect.objectContaining({ code: 'link/malformed' }));
	const { blocks } = await gateway((await folder()).car, () => new Uint8Array(1));
	const blake = CID.parse('bafk2bzaceaa466o2jfc4g4ggrmtf55ygigvkmxvkr5mvhy4qbwlxetbmlkqjk');
	await expect(blocks(blake)).rejects.toMatchObject({ code: 'ipfs/unsupported' });
});
