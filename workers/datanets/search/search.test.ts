import { expect, test } from 'vitest';
import { BEN, contribution, pair } from '#test/support/datanet.ts';
import { openDatanet } from '#test/support/datanet-db.ts';
import { Dice } from '#test/support/dice.ts';
import { undo } from '../store/change.ts';
import { fromHex } from '../hash.ts';
import { addRows, edited, removeRows, replaceRows } from '../store/edits.ts';
import { SEGMENT_ROWS } from '../store/schema.ts';
import { stageRows } from '../store/staging.ts';
import { select, type Query } from './select.ts';
import { summarise } from './summary.ts';
import { TableIndex } from './table-index.ts';
import { GrowingTerms, SearchableTerms } from './terms.ts';
import { queryTokens } from './tokens.ts';

test.each<[string, string[]]>([
	['The Femur, the LONGEST bone (42 cm)!', ['the', 'femur', 'longest', 'bone', '42', 'cm']],
	['Größe naïve ÉCOLE', ['große', 'naive', 'ecole']],
	['骨は硬い organ', ['骨は', 'は硬', '硬い', 'organ']],
	['عظم кость', ['عظم', 'кость']],
	['mid\u00e9word <script>', ['midéword'.normalize('NFD').replace(/\p{M}/gu, ''), 'script']],
	['  …  ', []]
])('the words of “%s”', (text, words) => {
	expect(queryTokens(text)).toEqual(words);
});

test('packed words find the same rows as growing ones', () => {
	const dice = new Dice();
	const letters = ['a', 'b', 'c', 'é', '骨'];
	const word = () => Array.from({ length: 1 + dice.below(4) }, () => dice.pick(letters)).join('');
	const growing = new GrowingTerms();
	for (let row = 0; row < 300; row++) growing.add(row, Array.from({ length: 5 }, word).join(' '));
	const packed = new SearchableTerms(growing.pack());
	for (let trial = 0; trial < 300; trial++) {
		const [query = 'zz'] = queryTokens(word());
		expect([...packed.rowsWith(query)]).toEqual([...growing.rowsWith(query)]);
		const all = (rows: Iterable<number>) => [...new Set(rows)].sort((a, b) => a - b);
		expect(all(packed.rowsWithPrefix(query))).toEqual(all(growing.rowsWithPrefix(query)));
	}
});

const rows = [
	contribution(pair('What is the femur?', 'The longest bone.'), { tags: ['leg'], licence: 'CC0-1.0' }),
	contribution(pair('What is the skull?', 'Bones of the head.'), { tags: ['head', 'leg'], contributor: BEN }),
	contribution({ kind: 'passage', text: 'Le fémur est un os.' }, { language: 'fr', tags: [] }),
	contribution(pair('Where is the femoral artery?', 'In the thigh.'), { source: 'a book' })
];

async function indexed() {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	const index = new TableIndex(access);
	await index.sync();
	const find = (query: Query) =>
		[...select(access.catalogue, index, query)].map((slot) =>
			rows.findIndex((row) => row.id === access.catalogue.idAt(slot))
		);
	return { access, index, find };
}

test.each<[Query, number[]]>([
	[{}, [0, 1, 2, 3]],
	[{ text: 'femur' }, [0, 2]],
	[{ text: 'fem' }, [0, 2, 3]],
	[{ text: 'fem ' }, []],
	[{ text: 'the bone' }, [0, 1]],
	[{ text: 'the bone ' }, [0]],
	[{ text: 'nowhere' }, []],
	[{ kinds: ['passage'] }, [2]],
	[{ contributors: [BEN] }, [1]],
	[{ licences: ['CC0-1.0', 'MIT'] }, [0]],
	[{ languages: ['en'] }, [0, 1, 3]],
	[{ sources: ['a book'] }, [3]],
	[{ tags: ['leg'] }, [0, 1]],
	[{ tags: ['none'] }, []],
	[{ length: { from: 20, to: 38 } }, [0, 1]],
	[{ corrections: true }, []],
	[{ text: 'the', tags: ['head'] }, [1]],
	[{ sort: { by: 'length', descending: true } }, [3, 1, 0, 2]]
])('rows that fit %j', async (query, expected) => {
	const { find } = await indexed();
	expect(find(query)).toEqual(expected);
});

test('the index follows additions, edits, removals and undo, also across segments', async () => {
	const { access, index } = await indexed();
	const count = async (text: string) => {
		await index.loadWords();
		return select(access.catalogue, index, { text }).length;
	};
	const [first] = rows as [(typeof rows)[0]];
	const better = edited(
		first,
		{ content: pair('What is it?', 'A tibia.') },
		{ contributor: BEN, parentShare: 0 },
		new Date()
	);
	await replaceRows(access, [{ from: first.id, to: better }], 'Edit');
	await index.sync();
	expect([await count('femur'), await count('tibia')]).toEqual([1, 1]);
	await stageRows(access, { label: 'Import' }, async (staging) => {
		for (let i = 0; i < SEGMENT_ROWS + 10; i++)
			await staging.add(contribution(pair(`tibia ${i}`, 'imported')));
	});
	await index.sync();
	expect(await count('tibia')).toBe(SEGMENT_ROWS + 11);
	await removeRows(access, [better.id], 'Remove');
	expect(await count('tibia')).toBe(SEGMENT_ROWS + 10);
	await undo(access.db, access.catalogue);
	await undo(access.db, access.catalogue);
	expect(await count('tibia')).toBe(1);
	await addRows(access, [contribution(pair('later', 'patella'))], 'Add');
	await index.sync();
	expect(await count('patella')).toBe(1);
	const fresh = new TableIndex(access);
	await fresh.sync();
	await fresh.loadWords();
	for (const text of ['tibia', 'imported', 'patella', 'femur'])
		expect(select(access.catalogue, fresh, { text })).toEqual(select(access.catalogue, index, { text }));
});

test('an index that is missing or stale is built again from the rows', async () => {
	const access = await openDatanet();
	await stageRows(access, { label: 'Import' }, async (staging) => {
		for (const row of rows) await staging.add(row);
	});
	for (const store of [access.db.indexes, access.db.words]) {
		await store.clear();
		const index = new TableIndex(access);
		await index.sync();
		await index.loadWords();
		expect(select(access.catalogue, index, { text: 'femur' })).toHaveLength(2);
		expect([await access.db.indexes.count(), await access.db.words.count()]).toEqual([1, 1]);
	}
});

test('content that is in the Datanet is known by its hash; removed content is not', async () => {
	const { access, index } = await indexed();
	const [first, second] = rows as [(typeof rows)[0], (typeof rows)[0]];
	await removeRows(access, [second.id], 'Remove');
	const known = index.contents();
	expect([first, second].map((row) => known(fromHex(row.contentHash)))).toEqual([true, false]);
});

test('the summary counts what the rows say', async () => {
	const { access, index } = await indexed();
	expect(summarise(index, access.catalogue.listed())).toMatchObject({
		rows: 4,
		kinds: [
			{ value: 'pair', rows: 3 },
			{ value: 'conversation', rows: 0 },
			{ value: 'passage', rows: 1 }
		],
		languages: [
			{ value: 'en', rows: 3 },
			{ value: 'fr', rows: 1 }
		],
		tags: [
			{ value: 'leg', rows: 2 },
			{ value: 'anatomy', rows: 1 },
			{ value: 'head', rows: 1 }
		],
		days: [{ day: '2026-03-01', rows: 4 }],
		lengths: [0, 0, 0, 0, 1, 3],
		corrections: 0
	});
});
