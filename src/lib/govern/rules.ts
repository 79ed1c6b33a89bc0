import { formatEther } from 'viem';
import type { RulesParams } from '../../../contracts/deploy/params.ts';
import { parseOpen } from '../chain/amounts.ts';
import { locale } from '../i18n/locale.ts';
import { plural } from '../ui/format.ts';

export type RuleName = keyof RulesParams;

/** One number that governance steers, as a person reads and writes it. Bounds are those of contracts/src/Rules.sol. */
export interface Rule {
	name: RuleName;
	label: string;
	/** What it does, in one sentence. */
	means: string;
	unit: 'share' | 'times' | 'days' | 'OPEN' | 'version';
	/** In the unit; the smallest and the largest that the contract takes. */
	from: number;
	to: number;
}

export const groups: { title: string; rules: Rule[] }[] = [
	{
		title: 'How a payment is shared',
		rules: [
			share('contributors', 'Contributors', 'Who gave the data.', 30, 80),
			share('owner', 'Adapter’s owner', 'Who trained it.', 0, 30),
			share('base', 'Base model', 'Who made the model below.', 0, 20),
			share('host', 'Host', 'Who served the reply; the contributors’ where the payer served himself.', 0, 30),
			share('stakers', 'Stakers', 'A third each for the model’s pool, the host’s and the auditors.', 0, 15),
			share('poster', 'Poster', 'Who posts the reward root.', 0, 1)
		]
	},
	{
		title: 'How contributors share',
		rules: [
			share(
				'staticShare',
				'By fixed units',
				'The part of the contributors’ share that no measurement moves.',
				10,
				90
			),
			share(
				'cap',
				'Most for one',
				'The most of the measured part that one contributor can take from one payment.',
				0.5,
				100
			)
		]
	},
	{
		title: 'Audits and roots',
		rules: [
			share('drawRate', 'Payments drawn', 'How many of the measured payments are audited.', 0.5, 100),
			{
				name: 'penalty',
				label: 'Penalty',
				means: 'What a proven lie costs, times the payment.',
				unit: 'times',
				from: 1,
				to: 200
			},
			{
				name: 'window',
				label: 'Window',
				means: 'How long a reward root can be refuted.',
				unit: 'days',
				from: 1,
				to: 14
			},
			{
				name: 'bond',
				label: 'Bond',
				means: 'What a poster puts at stake.',
				unit: 'OPEN',
				from: 1,
				to: 1_000_000
			},
			{
				name: 'auditorStake',
				label: 'Auditor’s stake',
				means: 'The least.',
				unit: 'OPEN',
				from: 1,
				to: 1_000_000
			},
			{
				name: 'attribution',
				label: 'Attribution rules',
				means: 'Version that weights must follow.',
				unit: 'version',
				from: 0,
				to: 4_294_967_295
			}
		]
	},
	{
		title: 'Fees',
		rules: [
			{
				name: 'modelFee',
				label: 'Registering a model',
				means: 'Goes to the treasury.',
				unit: 'OPEN',
				from: 0,
				to: 10_000
			},
			{
				name: 'datanetFee',
				label: 'Opening a Datanet',
				means: 'Goes to the treasury.',
				unit: 'OPEN',
				from: 0,
				to: 10_000
			},
			{
				name: 'proposalFee',
				label: 'A proposal',
				means: 'Returned when it reaches quorum.',
				unit: 'OPEN',
				from: 0,
				to: 100_000
			}
		]
	}
];

function share(name: RuleName, label: string, means: string, from: number, to: number): Rule {
	return { name, label, means, unit: 'share', from, to };
}

export const rules: Rule[] = groups.flatMap((group) => group.rules);

const units: Record<Rule['unit'], string> = {
	share: '%',
	times: 'times',
	days: 'days',
	OPEN: 'OPEN',
	version: ''
};

/** Of 1/10,000, in percent. */
export const hundredths = (share: number) =>
	(share / 100).toLocaleString(locale, { maximumFractionDigits: 2, useGrouping: false });

/** As it stands in a field, without its unit. */
export function toText({ unit, name }: Rule, params: RulesParams): string {
	const value = params[name];
	if (unit === 'OPEN') return formatEther(BigInt(value));
	if (unit === 'share') return hundredths(Number(value));
	return unit === 'days' ? `${Number(value) / 86_400}` : `${value}`;
}

/** With its unit, for reading. */
export function inWords(rule: Rule, params: RulesParams): string {
	const text = toText(rule, params);
	if (rule.unit === 'days') return plural(Number(text), ['day', 'days']);
	if (rule.unit === 'times') return `${text} times`;
	return `${text} ${units[rule.unit]}`.trim();
}

export const unitOf = (rule: Rule) => units[rule.unit];

/** What a person typed, as the contract takes it; undefined where it is no such number or out of bounds. */
export function fromText({ unit, from, to }: Rule, text: string): number | bigint | undefined {
	if (unit === 'OPEN') {
		const wei = parseOpen(text);
		return wei !== undefined && wei >= parseWhole(from) && wei <= parseWhole(to) ? wei : undefined;
	}
	if (!/^\s*\d+([.,]\d+)?\s*$/.test(text)) return undefined;
	const value = Number(text.replace(',', '.'));
	if (value < from || value > to) return undefined;
	const scaled = unit === 'share' ? value * 100 : unit === 'days' ? value * 86_400 : value;
	// 0.1 + 0.2: a hundredth of a percent is the smallest step.
	const whole = Math.round(scaled);
	return Math.abs(scaled - whole) < 1e-6 ? whole : undefined;
}

const parseWhole = (open: number) => BigInt(open) * 10n ** 18n;

/** The rules that two versions differ in. */
export function difference(before: RulesParams, after: RulesParams): Rule[] {
	return rules.filter(({ name }) => BigInt(before[name]) !== BigInt(after[name]));
}

/** What of a payment is left for the treasury, in 1/10,000. Must be 0 to 1,000. */
export function treasuryShare({ contributors, owner, base, host, stakers, poster }: RulesParams): number {
	return 10_000 - contributors - owner - base - host - stakers - poster;
}

/** Lying must not pay (docs/settlement.md): what a draw costs a liar, less what he wins back, against what weights can move. */
export function deters({ contributors, host, staticShare, drawRate, penalty }: RulesParams): boolean {
	const gain = Math.floor(((contributors + host) * (10_000 - staticShare)) / 10_000);
	return Math.floor((drawRate * penalty * 9) / 10) >= gain;
}
