import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { attributionOf, db, influencedBy } from './db.ts';
import type { AttributionRecord } from './records.ts';

const row = (digit: string) => `0x${digit.repeat(64)}` as const;

function record(id: string, time: number, rows: string): AttributionRecord {
	const contributions = [...rows].map(row);
	return {
		...{
			id,
			conversation: 'c',
			adapter: { id: 'a', name: 'Anatomy', files: { config: '', weights: '' } },
			model: { id: 'm', sha256: '' }
		},
		...{
			state: 'measured',
			text: 'A bone.',
			from: 0,
			time,
			price: 0n,
			contributors: [],
			rows: [],
			contributions
		},
		transcript: { salt: row('0'), prompt: [1], reply: [2], query: new Int8Array(32), entries: [] }
	};
}

test('a reply has its record, and a row the replies that it influenced, the newest first', async () => {
	await db.attributions.bulkPut([record('old', 1, 'ab'), record('new', 2, 'bc'), record('other', 3, 'd')]);
	expect(await attributionOf('old')).toMatchObject({ time: 1, transcript: { query: new Int8Array(32) } });
	expect(await attributionOf('none')).toBeUndefined();
	expect((await influencedBy(row('b'))).map(({ id }) => id)).toEqual(['new', 'old']);
	expect(await influencedBy(row('e'))).toEqual([]);
});
