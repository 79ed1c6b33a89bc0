import { validateIBAN, ValidationErrorsIBAN } from 'ibantools';
import { findPhoneNumbersInText, type CountryCode } from 'libphonenumber-js/min';
import { nationalIds } from './national-ids.ts';

export type PersonalKind = 'e-mail' | 'phone' | 'card' | 'iban' | 'national-id';

/** Where personal data stands in a text (UTF-16 units), and what it is for a person. */
export interface Finding {
	kind: PersonalKind;
	start: number;
	end: number;
	/** `e-mail address`, `Dutch citizen service number (BSN)` … */
	name: string;
}

const MASKS: Record<PersonalKind, string> = {
	'e-mail': '[e-mail]',
	phone: '[phone]',
	card: '[card number]',
	iban: '[IBAN]',
	'national-id': '[national id]'
};

/** Everything in a text that looks like personal data and passes its checksum, in order, without overlaps. */
export function findPersonalData(text: string, language = ''): Finding[] {
	const hasDigits = /\d{2}/.test(text);
	const findings = [
		...(text.includes('@') || /[([{] ?at ?[)\]}]/i.test(text) ? emails(text) : []),
		...(hasDigits ? [...ibans(text), ...cards(text), ...nationalIds(text), ...phones(text, language)] : [])
	];
	const kept: Finding[] = [];
	for (const finding of findings)
		if (!kept.some((other) => finding.start < other.end && other.start < finding.end)) kept.push(finding);
	return kept.sort((a, b) => a.start - b.start);
}

/** The text with each finding replaced by what it was: `[e-mail]`. */
export function maskPersonalData(text: string, language = ''): string {
	let masked = '';
	let from = 0;
	for (const { kind, start, end } of findPersonalData(text, language)) {
		masked += text.slice(from, start) + MASKS[kind];
		from = end;
	}
	return masked + text.slice(from);
}

const EMAIL =
	/[\p{L}\p{N}](?:[\p{L}\p{N}._%+'-]{0,62}[\p{L}\p{N}_+-])?@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+\p{L}{2,24}/gu;
/** `jane (at) example (dot) org`, as people write to escape robots. */
const AT_WORD = /[\w.+-]+ ?[([{] ?at ?[)\]}] ?[\w-]+(?: ?(?:\.|[([{] ?dot ?[)\]}]) ?[\w-]+)+/gi;

function* emails(text: string): Generator<Finding> {
	for (const pattern of [EMAIL, AT_WORD])
		for (const match of text.matchAll(pattern))
			yield {
				kind: 'e-mail',
				start: match.index,
				end: match.index + match[0].length,
				name: 'e-mail address'
			};
}

const IBAN = /\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}\b/g;

/** A country's length and the ISO 7064 checksum; a longer match is shortened until it passes. */
function* ibans(text: string): Generator<Finding> {
	for (const match of text.matchAll(IBAN)) {
		const units = [...match[0]];
		for (let length = units.length; length >= 15; length--) {
			const candidate = units.slice(0, length).join('');
			if (!/[A-Z0-9]$/.test(candidate) || !isIban(candidate.replace(/[ -]/g, ''))) continue;
			yield { kind: 'iban', start: match.index, end: match.index + length, name: 'bank account (IBAN)' };
			break;
		}
	}
}

/** A bank's own check digits inside the number are not asked: better one mask too many. */
function isIban(text: string): boolean {
	return validateIBAN(text).errorCodes.every(
		(code) => code === ValidationErrorsIBAN.WrongAccountBankBranchChecksum
	);
}

const CARD = /(?<![\d.,/-])\d(?:[ -]?\d){12,18}(?![\d/-]|[.,]\d)/g;
/** Issuer prefixes: Visa, Mastercard, American Express, Discover, JCB, Diners, Maestro, UnionPay. */
const ISSUER =
	/^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|(?:5[06-8]|6[37])\d{10,17}|62\d{14,17})$/;

function* cards(text: string): Generator<Finding> {
	for (const match of text.matchAll(CARD)) {
		const digits = match[0].replace(/\D/g, '');
		if (ISSUER.test(digits) && luhn(digits))
			yield { kind: 'card', start: match.index, end: match.index + match[0].length, name: 'payment card' };
	}
}

/** ISO/IEC 7812-1, annex B. */
function luhn(digits: string): boolean {
	let sum = 0;
	for (let i = 0; i < digits.length; i++) {
		const digit = Number(digits[digits.length - 1 - i]);
		const doubled = i % 2 === 1 ? 2 * digit : digit;
		sum += doubled > 9 ? doubled - 9 : doubled;
	}
	return sum % 10 === 0;
}

/** Countries whose national way of writing numbers is tried, by the language of the text. */
const COUNTRIES: Record<string, CountryCode[]> = {
	en: ['US', 'GB', 'AU', 'IN'],
	de: ['DE', 'AT', 'CH'],
	fr: ['FR', 'BE', 'CH'],
	es: ['ES', 'MX', 'AR'],
	it: ['IT', 'CH'],
	pt: ['BR', 'PT'],
	nl: ['NL', 'BE'],
	pl: ['PL'],
	sv: ['SE'],
	nb: ['NO'],
	no: ['NO'],
	da: ['DK'],
	fi: ['FI'],
	cs: ['CZ'],
	tr: ['TR'],
	ru: ['RU'],
	uk: ['UA'],
	ja: ['JP'],
	zh: ['CN', 'TW'],
	ko: ['KR'],
	hi: ['IN']
};

const PHONE_LIKE = /(?:\+|\(|(?<![\p{L}\d.,/-])\d)(?:[\s()./-]{0,3}\d){6,16}(?!\d)/gu;
const PHONE_WORD =
	/\b(?:phone|tel|telephone|call|mobile|cell|fax|whats\s?app|sms|text|ring|contact|dial|reach|hotline|number|telefon|handy|anruf|rufnummer|mobil|mobiel|telefoon|bel|téléphone|tél|portable|appel\w*|teléfono|móvil|llam\w*|telefone|celular|telefono|cellulare|chiam\w*|telefonu?|puhelin)\b\.?:?/iu;
/** Written as telephone numbers are and other numbers are not: grouped, with a trunk zero or an area code. */
const PHONE_SHAPE =
	/^(?:\(\d{2,5}\)[\s.-]?\d{2,4}(?:[\s.-]?\d{2,4}){1,3}|\d{3}[.-]\d{3}[.-]\d{4}|0\d{1,4}(?:[\s./-]\d{2,}){1,4})$/;

function* phones(text: string, language: string): Generator<Finding> {
	const countries = [undefined, ...(COUNTRIES[language.slice(0, 2)] ?? COUNTRIES.en ?? [])];
	for (const match of text.matchAll(PHONE_LIKE)) {
		const named = PHONE_WORD.test(text.slice(Math.max(0, match.index - 30), match.index));
		if (!named && !/^(?:\+|00)/.test(match[0]) && !PHONE_SHAPE.test(match[0])) continue;
		const found = countries
			.values()
			.map((country) => findPhoneNumbersInText(match[0], country)[0])
			.find((number) => number !== undefined);
		if (!found) continue;
		const start = match.index + found.startsAt;
		yield { kind: 'phone', start, end: match.index + found.endsAt, name: 'telephone number' };
	}
}
