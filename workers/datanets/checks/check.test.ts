import { expect, test } from 'vitest';
import { contribution, pair } from '#test/support/datanet.ts';
import { openDatanet } from '#test/support/datanet-db.ts';
import type { Content, Contribution } from '../contribution.ts';
import { Session } from '../session.ts';
import { addRows, removeRows } from '../store/edits.ts';
import { checkDatanet } from './check.ts';
import { contradiction } from './contradictions.ts';
import { licenceOpinion, type LicenceVerdict } from './licence.ts';
import { FLAGS, flagsIn, qualityOf, qualityParts } from './quality.ts';
import { DEFAULT_LIMITS } from './limits.ts';

async function datanetOf(rows: Contribution[]): Promise<Session> {
	const access = await openDatanet();
	await addRows(access, rows, 'Add');
	return Session.open(access.db, access.id);
}

const LONG =
	'The femur is the longest and strongest bone of the human body and carries the weight of the trunk';
const flagsOf = async (rows: Contribution[], limits = DEFAULT_LIMITS) => {
	const report = await checkDatanet(await datanetOf(rows), limits, () => undefined);
	return { report, flags: rows.map((_, slot) => flagsIn(report.flags[slot] ?? 0)) };
};

test('equal and nearly equal rows are flagged, all but the first, and name it', async () => {
	const { flags, report } = await flagsOf([
		contribution(pair('What is the femur?', `${LONG}.`)),
		contribution(pair('What is the femur?', `${LONG}.`), { source: 'another book' }),
		contribution(pair('What is the femur?', `${LONG} alone.`)),
		contribution(pair('What is the skull made of?', 'Twenty-two bones, most of them joined by sutures.'))
	]);
	expect(flags).toEqual([[], ['duplicate'], ['nearDuplicate'], []]);
	expect([...report.groups]).toEqual([0, 0, 0, -1]);
	expect(report.counts).toMatchObject({ duplicate: 1, nearDuplicate: 1 });
});

test.each<[string, Content, Partial<Contribution>]>([
	['personalData', pair('Who treats it?', 'Write to jane.doe@example.org for an appointment.'), {}],
	['tooShort', pair('Why?', 'Because.'), {}],
	['tooLong', pair('Tell me everything.', 'bone '.repeat(2_000)), {}],
	['emptyAnswer', pair('What is the longest bone of the body?', ' N/A. '), {}],
	[
		'emptyAnswer',
		{ kind: 'conversation', messages: [{ role: 'user', content: 'Is anybody there at all?' }] },
		{}
	],
	[
		'otherLanguage',
		pair('Was ist das?', 'Der Oberschenkelknochen ist der längste Knochen des Menschen.'),
		{}
	],
	['noLicence', pair('What is a tendon for?', 'It ties muscle to bone.'), { licence: '' }],
	['licenceForbids', pair('What is a tendon for?', 'It ties muscle to bone.'), { licence: 'CC-BY-ND-4.0' }],
	['licenceUnclear', pair('What is a tendon for?', 'It ties muscle to bone.'), { licence: 'Ask me first' }]
])('%s is seen', async (flag, content, change) => {
	expect((await flagsOf([contribution(content, change)])).flags).toEqual([[flag]]);
});

test('a good row has no flags and the whole score; a row of another licence than the Datanet takes is flagged', async () => {
	const good = contribution(pair('What is a tendon?', 'A band of tissue that ties muscle to bone.'));
	expect((await flagsOf([good])).report.quality[0]).toBe(100);
	expect((await flagsOf([good], { ...DEFAULT_LIMITS, licences: ['CC0-1.0'] })).flags).toEqual([
		['licenceForbids']
	]);
});

test('a row without a stated language is judged by what most rows are written in', async () => {
	const english = (i: number) =>
		contribution(
			pair(`Question number ${i} about the body`, `Bones and muscles of the body, part ${i} of many.`),
			{ language: '' }
		);
	const german = contribution(pair('Was ist das?', 'Der Oberschenkelknochen ist der längste Knochen.'), {
		language: ''
	});
	const { flags } = await flagsOf([...Array.from({ length: 9 }, (_, i) => english(i)), german]);
	expect(flags.flatMap((row, i) => (row.includes('otherLanguage') ? [i] : []))).toEqual([9]);
});

test('rows that contradict each other are named with the reason; removed rows are not looked at', async () => {
	const rows = [
		contribution(pair('How many bones has an adult?', 'An adult human has 206 bones.')),
		contribution(pair('How many bones has an adult', 'An adult human has 208 bones.')),
		contribution(pair('How many bones has an adult?', 'An adult human has 300 bones.'))
	];
	const session = await datanetOf(rows);
	await removeRows(session, [rows[2]?.id ?? '0x'], 'Remove');
	const report = await checkDatanet(session, DEFAULT_LIMITS, () => undefined);
	expect(report.contradictions).toEqual([{ a: 0, b: 1, why: 'One answer says 206, the other 208.' }]);
	expect(report.flags[2] ?? 0).toBe(0);
});

test('rows that another Datanet has too are flagged', async () => {
	const shared = contribution(pair('What is the femur?', `${LONG}.`));
	const near = contribution(pair('What is the femur?', `${LONG} of all.`));
	const own = contribution(pair('What is the skull made of?', 'Twenty-two bones joined by sutures.'));
	const other = await datanetOf([contribution(shared.content, { source: 'elsewhere' })]);
	const report = await checkDatanet(await datanetOf([near, own]), DEFAULT_LIMITS, () => undefined, {
		session: other,
		name: 'Bones'
	});
	expect([...report.flags].map(flagsIn)).toEqual([['overlap'], []]);
	expect(report.against).toBe('Bones');
});

test('a check can be cancelled', async () => {
	const session = await datanetOf([contribution(pair('q', 'a'))]);
	const cancelled = checkDatanet(session, DEFAULT_LIMITS, () => {
		throw new Error('cancelled');
	});
	await expect(cancelled).rejects.toThrow('cancelled');
});

test.each<[string, string, string | undefined]>([
	['Yes, it is.', 'No, never.', 'One answer says yes, the other no.'],
	['Yes, it is.', 'Yes, of course.', undefined],
	[
		'The heart has four chambers.',
		'The heart has not four chambers.',
		'One answer denies what the other states.'
	],
	['It takes 3 days to heal.', 'It takes 5 days to heal.', 'One answer says 3, the other 5.'],
	['About 1,200 people a year.', 'About 1200 people a year.', undefined],
	['Bones.', 'The skeleton and its joints.', undefined],
	['The same.', 'the same', undefined]
])('“%s” against “%s”', (a, b, why) => {
	expect(contradiction(a, b)).toBe(why);
});

test.each<[string, LicenceVerdict]>([
	['CC-BY-4.0', 'allows'],
	['CC0-1.0', 'allows'],
	['CC-BY-NC-4.0', 'conditions'],
	['CC-BY-SA-4.0', 'conditions'],
	['CC-BY-NC-ND-4.0', 'forbids'],
	['MIT OR CC-BY-ND-4.0', 'allows'],
	['MIT AND CC-BY-ND-4.0', 'forbids'],
	['LicenseRef-hospital', 'unknown'],
	['© 2020 Acme. All rights reserved.', 'forbids'],
	['public domain', 'allows'],
	['ask me', 'unknown'],
	['  ', 'missing']
])('the licence “%s”: %s', (licence, verdict) => {
	expect(licenceOpinion(licence).verdict).toBe(verdict);
});

test('the score is the sum of its visible parts, and every flag costs something', () => {
	for (const bit of Object.values(FLAGS)) {
		expect(qualityOf(bit)).toBeLessThan(100);
		expect(qualityParts(bit).reduce((sum, part) => sum + part.points, 0)).toBe(qualityOf(bit));
	}
	expect(qualityOf(0)).toBe(100);
	expect(qualityOf(0xfff)).toBe(0);
});
