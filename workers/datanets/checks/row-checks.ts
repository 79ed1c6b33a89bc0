import { textOf, type Contribution } from '../contribution.ts';
import { licenceOpinion } from './licence.ts';
import type { CheckLimits } from './limits.ts';
import { findPersonalData, type Finding } from './personal-data.ts';
import { FLAGS } from './quality.ts';

const PLACEHOLDER = /^[\s\p{P}]*(?:n\/?a|null|none|nil|undefined|tbd|todo|lorem ipsum.*)?[\s\p{P}]*$/iu;

/** What a row shows by itself, without looking at others. */
export function checkRow(
	row: Contribution,
	language: string,
	limits: CheckLimits
): { flags: number; personal: Finding[] } {
	let flags = 0;
	const text = textOf(row.content);
	if (text.trim().length < limits.shortest) flags |= FLAGS.tooShort;
	if (text.length > limits.longest) flags |= FLAGS.tooLong;
	if (hasEmptyAnswer(row)) flags |= FLAGS.emptyAnswer;
	const personal = findPersonalData(text, row.language || language);
	if (personal.length > 0) flags |= FLAGS.personalData;
	return { flags: flags | licenceFlags(row.licence, limits.licences), personal };
}

export function hasEmptyAnswer({ content }: Contribution): boolean {
	switch (content.kind) {
		case 'pair':
			return PLACEHOLDER.test(content.response);
		case 'conversation': {
			const answers = content.messages.filter((message) => message.role === 'assistant');
			return answers.length === 0 || answers.some((message) => PLACEHOLDER.test(message.content));
		}
		case 'passage':
			return PLACEHOLDER.test(content.text);
	}
}

function licenceFlags(licence: string, taken: readonly string[]): number {
	if (taken.length > 0 && licence !== '' && !taken.includes(licence)) return FLAGS.licenceForbids;
	switch (licenceOpinion(licence).verdict) {
		case 'missing':
			return FLAGS.noLicence;
		case 'forbids':
			return FLAGS.licenceForbids;
		case 'unknown':
			return FLAGS.licenceUnclear;
		default:
			return 0;
	}
}
