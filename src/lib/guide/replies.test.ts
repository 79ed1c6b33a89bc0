import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { db as attribution } from '../attribution/db.ts';
import type { AttributionRecord } from '../attribution/records.ts';
import { db as ledger } from '../ledger/db.ts';
import type { ReceiptRecord, SettlementRecord } from '../ledger/records.ts';
import { repliesOf } from './replies.ts';

const adapter = 'bones';
async function reply(id: string, time: number, state: AttributionRecord['state'], owes = 5n) {
	await attribution.attributions.put({
		...{ id, conversation: 'c', time, state, contributions: [], adapter: { id: adapter } }
	} as unknown as AttributionRecord);
	await ledger.receipts.put({ id: `0x${id}`, reply: id, amount: owes } as unknown as ReceiptRecord);
}

test('what was done with one reply stays done while another is written', async () => {
	expect(await repliesOf(adapter, undefined)).toEqual({ reply: undefined, seen: false, settled: false });
	await reply('a', 1, 'waiting');
	expect(await repliesOf(adapter, undefined)).toMatchObject({ reply: { id: 'a', measured: false } });
	await reply('a', 1, 'measured');
	await reply('b', 2, 'waiting');
	expect(await repliesOf(adapter, undefined)).toMatchObject({ reply: { id: 'a', measured: true } });

	// Looked at, and then left behind by more than are looked through.
	for (let i = 0; i < 30; i++) await reply(`c${i}`, 3 + i, i % 2 ? 'measured' : 'waiting');
	expect(await repliesOf(adapter, 'a')).toMatchObject({ reply: { id: 'a' }, seen: true, settled: false });
	expect(await repliesOf('another', 'a')).toMatchObject({ seen: false });

	await ledger.settlements.put({ id: 's', state: 'settled' } as unknown as SettlementRecord);
	await ledger.receipts.update('0xa', { settlement: 's' });
	await reply('d', 50, 'measured');
	expect(await repliesOf(adapter, 'a')).toMatchObject({ reply: { id: 'a' }, seen: true, settled: true });
	// The sandbox was begun anew: what was paid in the last one is not paid in this.
	expect(await repliesOf(adapter, 'a', 50)).toMatchObject({
		reply: { id: 'd' },
		seen: false,
		settled: false
	});
});

test('a reply that owes nothing is no step of the path', async () => {
	await reply('free', 99, 'measured', 0n);
	expect((await repliesOf(adapter, undefined)).reply?.id).not.toBe('free');
});
