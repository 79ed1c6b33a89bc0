import { expect, test } from 'vitest';
import { nanoTokenizer } from '#test/support/nano-tokenizer.ts';
import type { Content } from '#workers/datanets/contribution.ts';
import type { TrainingSource } from '../api.ts';
import { buildDataset } from './dataset.ts';

const tokenizer = nanoTokenizer();
const options = { maxLength: 128, validationShare: 0.1, seed: 3, reword: false };
const pair = (i: number): Content => ({
	kind: 'pair',
	prompt: `What is bone number ${i}?`,
	response: `Part ${i} of the skeleton.`
});
const source = (contents: Content[], name = 'Bones'): TrainingSource => ({
	name,
	rows: contents.map((content, i) => ({ id: `${name}-${String(i).padStart(4, '0')}`, content }))
});
const build = (sources: TrainingSource[], change = {}) =>
	buildDataset(sources, tokenizer, { ...options, ...change });
const hundred = Array.from({ length: 100 }, (_, i) => pair(i));

test('the split follows content and seed, not order or ids', () => {
	const held = (dataset: ReturnType<typeof build>) => dataset.validation.map((row) => row.contentHash).sort();
	const one = build([source(hundred)]);
	const other = build([source([...hundred].reverse(), 'Turned round')]);
	expect(one.report).toMatchObject({ training: 90, validation: 10 });
	expect(held(other)).toEqual(held(one));
	expect(held(build([source(hundred)], { seed: 4 }))).not.toEqual(held(one));
	// One more row moves at most two others.
	const more = held(build([source([...hundred, pair(100)])]));
	expect(more.filter((hash) => !held(one).includes(hash)).length).toBeLessThanOrEqual(2);
});

test('the order of rows is that of their ids, in whatever order they come', () => {
	const rows = source(hundred).rows;
	const ids = (list: typeof rows) => build([{ name: 'Bones', rows: list }]).training.map((row) => row.id);
	expect(ids([...rows].reverse())).toEqual(ids(rows));
});

test('rows of equal content are never on both sides', () => {
	const { training, validation, report } = build([source([...hundred, ...hundred])]);
	const learnt = new Set(training.map((row) => row.contentHash));
	expect(validation.some((row) => learnt.has(row.contentHash))).toBe(false);
	expect(report.repeated).toBe(100);
	expect(report.cautions.join()).toContain('100 rows repeat others');
});

test('an empty Datanet is refused', () => {
	expect(() => build([source([])])).toThrow(expect.objectContaining({ code: 'train/no-rows' }));
	expect(() => build([])).toThrow(expect.objectContaining({ code: 'train/no-rows' }));
});

test('rows that all are unusable are refused with the reason', () => {
	const empty: Content = { kind: 'pair', prompt: 'What?', response: '' };
	expect(() => build([source([empty, empty])])).toThrow(/None of the 2 rows.*no reply/);
});

test('one row, and rows that are all the same, are learnt with a caution', () => {
	const one = build([source([pair(1)])]);
	expect(one.report).toMatchObject({ training: 1, validation: 0 });
	expect(one.report.cautions.join()).toContain('very few rows');
	const same = build([source(Array.from({ length: 30 }, () => pair(1)))]);
	expect(same.report).toMatchObject({ training: 30, validation: 0, repeated: 29 });
	expect(same.report.cautions.join()).toContain('All rows are the same');
});

test('what does not fit is shortened or left out, and the report says so', () => {
	const { report } = build([
		source([
			...hundred,
			{ kind: 'pair', prompt: 'Say it.', response: 'Bone. '.repeat(300) },
			{ kind: 'pair', prompt: 'Bone? '.repeat(300), response: 'Yes.' }
		])
	]);
	expect(report).toMatchObject({ shortened: 1, left: [{ id: 'Bones-0101' }] });
	expect(report.longest).toBeLessThanOrEqual(128);
	expect(report.cautions.join()).toMatch(/1 row did not fit.*1 row could not be used/);
});

test('broken Unicode is mended before it is hashed and read', () => {
	const { training } = build([source([{ ...pair(1), response: 'Bone \uDC00.' } as Content])]);
	expect(training[0]?.content).toMatchObject({ response: 'Bone \uFFFD.' });
});
