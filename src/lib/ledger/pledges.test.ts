import { expect, test } from 'vitest';
import { Pledges } from './pledges.ts';

/** 100 tokens a day are free, further ones cost a wei each. */
const model = { id: 1, price: 1000n, allowance: 100n };
const record = { used: 0, owed: 0n, free: 0n, limit: 1000n };
const asked = { chain: 1, model, tokens: 40, mayOwe: true, read: () => Promise.resolve(record) };

const standing = async (pledges: Pledges, times: number, change: Partial<typeof asked> = {}) => {
	const answers = await Promise.all(
		Array.from({ length: times }, () => pledges.admit({ ...asked, ...change }))
	);
	return answers.map(({ stands }) => stands);
};

test('replies at once share one allowance: what each may take is used until it ends', async () => {
	const pledges = new Pledges();
	const first = await pledges.admit(asked);
	expect(first).toMatchObject({ stands: undefined, beside: false });
	expect(await standing(pledges, 4)).toEqual([undefined, undefined, 'deposit', 'deposit']);
	// Another model has an allowance of its own, but what may be owed is owed.
	expect(await standing(pledges, 1, { model: { ...model, id: 2 } })).toEqual([undefined]);
	expect(await standing(pledges, 1, { chain: 2 })).toEqual([undefined]);
	expect(await pledges.admit(asked)).toMatchObject({ stands: 'deposit', beside: true });
	first.end();
	first.end();
	expect(await standing(pledges, 2)).toEqual([undefined, 'deposit']);
	const usedUp = () => Promise.resolve({ ...record, used: 100 });
	expect(await pledges.admit({ ...asked, read: usedUp })).toMatchObject({ stands: 'deposit', beside: false });
});

test('a page that may owe nothing stays within what is free for certain', async () => {
	expect(await standing(new Pledges(), 4, { mayOwe: false })).toEqual([
		undefined,
		undefined,
		'price',
		'price'
	]);
});

test('a deposit covers what replies at once may cost together', async () => {
	// 120 tokens cost 20, a further 40 each.
	const read = () => Promise.resolve({ ...record, free: 60n });
	expect(await standing(new Pledges(), 5, { read })).toEqual([
		undefined,
		undefined,
		undefined,
		undefined,
		'deposit'
	]);
});

test('a record that cannot be read holds nobody else up', async () => {
	const pledges = new Pledges();
	const failed = pledges.admit({ ...asked, read: () => Promise.reject(new Error('gone')) });
	const next = pledges.admit(asked);
	await expect(failed).rejects.toThrow('gone');
	expect((await next).stands).toBeUndefined();
});
