import { OpenLedgerError } from '#workers/errors.ts';
import type { Hyperparameters } from '#workers/train/hyperparameters.ts';
import { locale } from '../i18n/locale.ts';

export type NumberSetting = {
	[K in keyof Hyperparameters]: Hyperparameters[K] extends number ? K : never;
}[keyof Hyperparameters];

interface Field {
	name: NumberSetting;
	label: string;
	hint: string;
}

/** What the advanced settings are called, and what each is for, in the order of their use. */
export const FIELDS: { title: string; fields: Field[] }[] = [
	{
		title: 'How much is learnt',
		fields: [
			{ name: 'epochs', label: 'Epochs', hint: 'Passes over all rows' },
			{ name: 'steps', label: 'Steps', hint: 'Instead of epochs; 0: as many as those need' },
			{ name: 'rank', label: 'Rank', hint: 'Size of the adapter' },
			{ name: 'alpha', label: 'Alpha', hint: 'Strength; usually twice the rank' },
			{ name: 'dropout', label: 'Dropout', hint: 'Share left out at random' },
			{ name: 'distillation', label: 'Distillation', hint: 'Share of the base’s own view in each target' }
		]
	},
	{
		title: 'How it is learnt',
		fields: [
			{ name: 'learningRate', label: 'Learning rate', hint: 'Too high and training diverges' },
			{ name: 'warmup', label: 'Warm-up', hint: 'Share of the steps in which the rate rises' },
			{ name: 'weightDecay', label: 'Weight decay', hint: 'Pulls weights towards zero' },
			{ name: 'clip', label: 'Gradient clipping', hint: 'Longest gradient; 0: any' }
		]
	},
	{
		title: 'What fits into memory',
		fields: [
			{ name: 'batchTokens', label: 'Tokens in a batch', hint: 'Fewer need less memory' },
			{ name: 'accumulation', label: 'Accumulation', hint: 'Batches of one step' },
			{ name: 'maxLength', label: 'Longest row, in tokens', hint: 'What is longer is cut' }
		]
	},
	{
		title: 'Checking and stopping',
		fields: [
			{ name: 'validationShare', label: 'Held back', hint: 'Share of the rows to check with' },
			{ name: 'validateEvery', label: 'Steps between checks', hint: '0: after every epoch' },
			{ name: 'patience', label: 'Patience', hint: 'Checks without progress before it stops; 0: never' }
		]
	}
];

export const labelOf = (setting: NumberSetting): string =>
	FIELDS.flatMap(({ fields }) => fields).find(({ name }) => name === setting)?.label ?? setting;

/** A refusal of a setting, with the name by which the form knows it. */
export function settingError(error: OpenLedgerError): OpenLedgerError {
	const { code, message, remedy, details, cause } = error;
	const { setting } = details;
	if (code !== 'train/bad-settings' || typeof setting !== 'string') return error;
	const label = `“${labelOf(setting as NumberSetting)}”`;
	return new OpenLedgerError(code, message.replace(`"${setting}"`, label), { remedy, details, cause });
}

export const PRESETS = [
	{ value: 'quick', label: 'Quick', says: 'A first impression, in minutes.' },
	{
		value: 'balanced',
		label: 'Balanced',
		says: 'More passes over the rows, and surer of them. Good for most uses.'
	},
	{
		value: 'thorough',
		label: 'Thorough',
		says: 'Twice as many passes as quick, in smaller steps.'
	}
] as const;

/** A setting's values for several runs, as a person types them: "0.001, 0.002". */
export function numbersIn(text: string): number[] {
	return [
		...new Set(
			text
				.split(/[,;\s]+/)
				.filter(Boolean)
				.map(Number)
		)
	].filter(Number.isFinite);
}

/** Runs of one sweep share the first part of their id, so that nothing else has to remember them. */
export function sweepId(sweep: string, index: number): string {
	return `sweep-${sweep}-${index}`;
}

/** Which sweep a run belongs to, if any. */
export function sweepOf(run: string): string | undefined {
	return /^sweep-([a-z0-9]+)-\d+$/.exec(run)?.[1];
}

/** Settings as a person reads them: 0.002, 2e-5, 16. */
export function settingValue(value: unknown): string {
	if (typeof value === 'boolean') return value ? 'yes' : 'no';
	if (Array.isArray(value)) return value.map((each) => String(each).replace(/_proj$/, '')).join(', ');
	if (typeof value !== 'number') return String(value);
	return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : value.toLocaleString(locale);
}
