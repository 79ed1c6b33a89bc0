import { expect, test } from 'vitest';
import { ADA, BEN, contribution, KEYS, pair } from '#test/support/datanet.ts';
import { covers, signBatch, verifyBatch, type SignedBatch } from './batch.ts';
import { generateLocalKey, linkWallet, localSigner, verifyLink } from './identity.ts';

const ada = localSigner(KEYS.ada);
const rows = Array.from({ length: 20 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
const now = new Date('2026-03-01T12:00:00Z');

test('one signature covers every row of the batch and no other', async () => {
	const batch = await signBatch(rows, ada, now);
	await verifyBatch(batch);
	expect(rows.every((row) => covers(batch, row))).toBe(true);
	expect(covers(batch, contribution(pair('another', 'row')))).toBe(false);
});

test('a single row is a batch too', async () => {
	const batch = await signBatch(rows.slice(0, 1), ada, now);
	await expect(verifyBatch(batch)).resolves.toBeUndefined();
});

test('nobody signs for someone else', async () => {
	const bens = contribution(pair('q', 'a'), { contributor: BEN });
	await expect(signBatch([...rows, bens], ada, now)).rejects.toThrow('its contributor alone');
});

test.each<[string, string, (batch: SignedBatch) => SignedBatch]>([
	['another contributor', 'datanet/wrong-root', (batch) => ({ ...batch, contributor: BEN })],
	['another time', 'datanet/bad-signature', (batch) => ({ ...batch, created: '2026-03-01T12:00:01Z' })],
	[
		'a row more',
		'datanet/wrong-root',
		(batch) => ({ ...batch, ids: new Uint8Array([...batch.ids, ...ANOTHER]) })
	],
	['a row less', 'datanet/wrong-root', (batch) => ({ ...batch, ids: batch.ids.slice(32) })],
	['no rows', 'datanet/wrong-root', (batch) => ({ ...batch, ids: new Uint8Array() })],
	['nonsense for a signature', 'datanet/bad-signature', (batch) => ({ ...batch, signature: '0x1234' })],
	[
		'zeros for a signature',
		'datanet/bad-signature',
		(batch) => ({ ...batch, signature: `0x${'0'.repeat(130)}` })
	]
])('a batch with %s is refused', async (_, code, change) => {
	const batch = await signBatch(rows, ada, now);
	await expect(verifyBatch(change(batch))).rejects.toMatchObject({ code });
});
const ANOTHER = new Uint8Array(32).fill(7);

test('a key is linked to a wallet when both sign, and only then', async () => {
	const wallet = localSigner(KEYS.ben);
	const link = await linkWallet(ada, wallet, now);
	expect(link).toMatchObject({ key: ADA, wallet: BEN });
	await verifyLink(link);
	const stranger = localSigner(generateLocalKey());
	const stolen = await linkWallet(stranger, wallet, now);
	for (const forged of [
		{ ...link, wallet: stranger.address },
		{ ...link, keySignature: stolen.keySignature },
		{ ...stolen, key: ADA },
		{ ...link, created: '2027-03-01T12:00:00Z' }
	])
		await expect(verifyLink(forged)).rejects.toMatchObject({ code: 'datanet/bad-signature' });
});
