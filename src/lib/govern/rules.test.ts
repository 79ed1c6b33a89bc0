import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { launchRules, type RulesParams } from '../../../contracts/deploy/params.ts';
import { deters, difference, fromText, inWords, rules, toText, treasuryShare } from './rules.ts';

test('every number of the rules has a line, and reads back what it shows', () => {
	expect(rules.map(({ name }) => name).sort()).toEqual(Object.keys(launchRules).sort());
	for (const rule of rules)
		expect(BigInt(fromText(rule, toText(rule, launchRules)) ?? -1)).toBe(BigInt(launchRules[rule.name]));
});

test('bounds are those of the contract', () => {
	const source = readFileSync(
		new URL('../../../contracts/src/Rules.sol', import.meta.url),
		'utf8'
	).replaceAll('_', '');
	for (const { name, unit, from, to } of rules) {
		const found = source.match(new RegExp(`within\\("${name}", p\\.${name}, ([^,]+), ([^)]+)\\)`));
		if (!found) {
			expect(name).toBe('attribution');
			continue;
		}
		const read = (text: string) =>
			text === 'ONE' ? 10_000 : Number.parseInt(text) * (/ days/.test(text) ? 86_400 : 1);
		const scale = unit === 'share' ? 100 : unit === 'days' ? 86_400 : 1;
		expect([from * scale, to * scale], name).toEqual([read(found[1] ?? ''), read(found[2] ?? '')]);
	}
});

test('what is out of bounds or no number is refused', () => {
	const rule = (name: string) => rules.find((each) => each.name === name) as (typeof rules)[number];
	for (const [name, text] of [
		['contributors', '29.9'],
		['contributors', '81'],
		['contributors', '50.005'],
		['penalty', '1.5'],
		['bond', '0.5'],
		['window', 'soon'],
		['modelFee', '-1']
	] as const)
		expect(fromText(rule(name), text), `${name} ${text}`).toBeUndefined();
	expect(fromText(rule('contributors'), '50.01')).toBe(5001);
});

test('a difference names what changes, and the inequality holds at launch', () => {
	const after: RulesParams = { ...launchRules, contributors: 5_500, owner: 1_000 };
	expect(
		difference(launchRules, after).map((rule) => [
			rule.name,
			inWords(rule, launchRules),
			inWords(rule, after)
		])
	).toEqual([
		['contributors', '50 %', '55 %'],
		['owner', '15 %', '10 %']
	]);
	expect(treasuryShare(launchRules)).toBe(580);
	expect(deters(launchRules)).toBe(true);
	expect(deters({ ...launchRules, penalty: 23 })).toBe(false);
});

test('a share is read and written with the comma of the language', async () => {
	vi.resetModules();
	vi.doMock('../i18n/locale.ts', () => ({ locale: 'de' }));
	// Files share their modules: the next one is to read English again.
	onTestFinished(() => {
		vi.doUnmock('../i18n/locale.ts');
		vi.resetModules();
	});
	const german = await import('./rules.ts');
	const poster = german.rules.find(({ name }) => name === 'poster') as (typeof rules)[number];
	expect(german.inWords(poster, launchRules)).toBe('0,2 %');
	expect(german.hundredths(treasuryShare(launchRules))).toBe('5,8');
	expect(german.fromText(poster, german.toText(poster, launchRules))).toBe(launchRules.poster);
});
