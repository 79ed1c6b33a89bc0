import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { belonging, belongingOfAll } from './belonging.ts';

const root = `0x${'1'.repeat(64)}` as const;
const ids = ['0xb', '0xa', '0xc'];
const chosen = { id: 'bones', root, ids };
const of = (...datanets: object[]) =>
	belonging({ datanets: datanets.map((one) => ({ name: 'Bones', rows: 3, ...one })) }, chosen);

test('rows that the manifest names are taken, and no others; some missing is said, none is another Datanet', async () => {
	expect(await of({ rowIds: ['0xa', '0xc'] })).toEqual({ kind: 'same', use: ['0xa', '0xc'], named: 2 });
	expect(await of({ rowIds: ['0xa'] }, { rowIds: ['0xb'] })).toEqual({
		kind: 'same',
		use: ['0xb', '0xa'],
		named: 2
	});
	expect(await of({ rowIds: ['0xa', '0xd'] })).toEqual({ kind: 'part', use: ['0xa'], named: 2 });
	// Rows tell more than a Datanet's id.
	expect(await of({ id: 'bones', root, rowIds: ['0xe'] })).toEqual({ kind: 'other', use: [], named: 1 });
});

test('without rows the version’s root, then the hash of all ids, then the Datanet’s id tell', async () => {
	expect((await of({ root })).kind).toBe('same');
	const rowsSha256 = createHash('sha256').update('0xa\n0xb\n0xc\n').digest('hex');
	expect((await of({ rowsSha256 })).kind).toBe('same');
	expect((await of({ rowsSha256: '0'.repeat(64) })).kind).toBe('elsewhere');
	expect((await of({ id: 'bones', root: `0x${'2'.repeat(64)}` })).kind).toBe('version');
	expect((await of({ id: 'muscles' })).kind).toBe('elsewhere');
});

test('of several Datanets each is held against what is said of it; the least certain says what the whole is', async () => {
	const muscles = { id: 'muscles', root: `0x${'3'.repeat(64)}` as const, ids: ['0xm', '0xn'] };
	const all = (...datanets: object[]) =>
		belongingOfAll({ datanets: datanets.map((one) => ({ name: 'Named', rows: 3, ...one })) }, [
			chosen,
			muscles
		]);
	const { root: other } = muscles;
	expect(await all({ id: 'bones', root }, { id: 'muscles', root: other })).toEqual({
		kind: 'same',
		use: [...ids, ...muscles.ids],
		named: 5
	});
	expect(await all({ id: 'bones', rowIds: ['0xa', '0xz'] }, { id: 'muscles', rowIds: ['0xm'] })).toEqual({
		kind: 'part',
		use: ['0xa', '0xm'],
		named: 3
	});
	expect((await all({ id: 'bones', root }, { id: 'muscles' })).kind).toBe('version');
	// Rows of one are not looked for in the other.
	expect(await all({ id: 'bones', rowIds: ['0xm'] }, { id: 'muscles', root: other })).toEqual({
		kind: 'other',
		use: muscles.ids,
		named: 3
	});
});

test('an adapter that names nothing tells nothing', async () => {
	expect(await of()).toEqual({ kind: 'unknown', use: ids });
	expect(await belonging(undefined, chosen)).toEqual({ kind: 'unknown', use: ids });
});
