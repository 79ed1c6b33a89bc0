import { describe, expect, test } from 'vitest';
import { Pledges } from './pledges.ts';

/** 100 tokens a day are free, further ones cost a wei each. */
const model = { id: 1, price: 1000n, allowance: 100n };
const record = { used: 0, owed: 0n, free: 0n, limit: 1000n };
const read = () => Promise.resolve(record);
/** Each test has a chain of its own: pledges outlive those who made them. */
let chains = 0;
const ask = () => ({ chain: ++chains, model, tokens: 40, mayOwe: true, read });

const standing = async (
	pledges: Pledges | Pledges[],
	times: number,
	asked: Parameters<Pledges['admit']>[0]
) => {
	const all = [pledges].flat();
	const answers = await Promise.all(
		Array.from({ length: times }, (_, index) => (all[index % all.length] as Pledges).admit(asked))
	);
	return answers.map(({ stands }) => stands);
};

test('the tabs of a browser share one allowance', async () => {
	const tabs = [new Pledges(), new Pledges()];
	const asked = ask();
	const first = await (tabs[0] as Pledges).admit(asked);
	expect(await standing(tabs, 4, asked)).toEqual([undefined, undefined, 'deposit', 'deposit']);
	expect(await tabs[1]?.admit(asked)).toMatchObject({ stands: 'deposit', beside: true });
	first.end();
	// A lock is let go a moment after its holder has ended.
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(await standing([...tabs].reverse(), 2, asked)).toEqual([undefined, 'deposit']);
});

describe.each([
	['with locks', () => new Pledges()],
	['in a browser without locks', () => new Pledges(null)]
])('%s', (_, tab) => {
	test('replies at once share one allowance: what each may take is used until it ends', async () => {
		const [pledges, asked] = [tab(), ask()];
		const first = await pledges.admit(asked);
		expect(first).toMatchObject({ stands: undefined, beside: false });
		expect(await standing(pledges, 4, asked)).toEqual([undefined, undefined, 'deposit', 'deposit']);
		// Another model has an allowance of its own, but what may be owed is owed.
		expect(await standing(pledges, 1, { ...asked, model: { ...model, id: 2 } })).toEqual([undefined]);
		expect(await standing(pledges, 1, ask())).toEqual([undefined]);
		expect(await pledges.admit(asked)).toMatchObject({ stands: 'deposit', beside: true });
		first.end();
		first.end();
		expect(await standing(pledges, 2, asked)).toEqual([undefined, 'deposit']);
		const usedUp = () => Promise.resolve({ ...record, used: 100 });
		const late = { ...asked, read: usedUp };
		expect(await pledges.admit(late)).toMatchObject({ stands: 'deposit', beside: false });
	});

	test('a page that may owe nothing stays within what is free for certain', async () => {
		expect(await standing(tab(), 4, { ...ask(), mayOwe: false })).toEqual([
			undefined,
			undefined,
			'price',
			'price'
		]);
	});

	test('a deposit covers what replies at once may cost together', async () => {
		// 120 tokens cost 20, a further 40 each.
		const read = () => Promise.resolve({ ...record, free: 60n });
		expect(await standing(tab(), 5, { ...ask(), read })).toEqual([
			undefined,
			undefined,
			undefined,
			undefined,
			'deposit'
		]);
	});

	test('a record that cannot be read holds nobody else up', async () => {
		const [pledges, asked] = [tab(), ask()];
		const failed = pledges.admit({ ...asked, read: () => Promise.reject(new Error('gone')) });
		const next = pledges.admit(asked);
		await expect(failed).rejects.toThrow('gone');
		expect((await next).stands).toBeUndefined();
	});
});
