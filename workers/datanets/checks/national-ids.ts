import { stdnum } from 'stdnum';
import type { Finding } from './personal-data.ts';

/** One country's personal number. */
interface NationalId {
	name: string;
	pattern: RegExp;
	valid: (text: string) => boolean;
	/**
	 * Needed nearby where the number alone is too easily something else: digits only, with a single check digit that one
	 * in ten numbers passes. Absent where shape and checksum say enough.
	 */
	words?: RegExp;
}

/** Characters before and after in which such a word must stand. */
const NEARBY = 40;

/** @throws Error where the library knows no such number: a mistake in the list below */
function check(country: string, name: string): (text: string) => boolean {
	const validator = stdnum[country]?.[name];
	if (!validator) throw new Error(`stdnum knows no ${country}.${name}`);
	return (text) => validator.validate(text).isValid;
}

const IDS: NationalId[] = [
	{ name: 'US social security number', pattern: /\b\d{3}-\d{2}-\d{4}\b/g, valid: check('US', 'ssn') },
	{
		name: 'US social security number',
		pattern: /\b\d{9}\b/g,
		valid: check('US', 'ssn'),
		words: /\b(?:ssn|social security)\b/i
	},
	{
		name: 'UK national insurance number',
		pattern: /\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b/g,
		valid: check('GB', 'nino')
	},
	{
		name: 'UK NHS number',
		pattern: /\b\d{3}[ -]?\d{3}[ -]?\d{4}\b/g,
		valid: isNhsNumber,
		words: /\bnhs\b/i
	},
	{
		name: 'Canadian social insurance number',
		pattern: /\b\d{3}[ -]\d{3}[ -]\d{3}\b/g,
		valid: check('CA', 'sin'),
		words: /\b(?:sin|nas|social insurance|assurance sociale)\b/i
	},
	{
		name: 'Australian tax file number',
		pattern: /\b\d{3} ?\d{3} ?\d{2,3}\b/g,
		valid: check('AU', 'tfn'),
		words: /\b(?:tfn|tax file)\b/i
	},
	{ name: 'Irish PPS number', pattern: /\b\d{7}[A-W][A-IW]?\b/g, valid: check('IE', 'pps') },
	{ name: 'Spanish identity number (DNI)', pattern: /\b\d{8}-?[A-Z]\b/g, valid: check('ES', 'dni') },
	{ name: 'Spanish identity number (NIE)', pattern: /\b[XYZ]-?\d{7}-?[A-Z]\b/g, valid: check('ES', 'nie') },
	{
		name: 'French social security number (NIR)',
		pattern: /\b[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b/g,
		valid: check('FR', 'nir')
	},
	{
		name: 'Italian fiscal code',
		pattern: /\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b/gi,
		valid: check('IT', 'codicefiscale')
	},
	{
		name: 'German tax number (IdNr)',
		pattern: /\b\d{2} ?\d{3} ?\d{3} ?\d{3}\b/g,
		valid: check('DE', 'idnr'),
		words: /steuer|idnr|tax id/i
	},
	{
		name: 'German social insurance number',
		pattern: /\b\d{2} ?\d{6} ?[A-Z] ?\d{3}\b/g,
		valid: check('DE', 'svnr')
	},
	{
		name: 'Dutch citizen service number (BSN)',
		pattern: /\b\d{9}\b|\b\d{4}\.\d{2}\.\d{3}\b/g,
		valid: check('NL', 'bsn'),
		words: /bsn|burgerservice|sofi|citizen service/i
	},
	{
		name: 'Belgian national number',
		pattern: /\b\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}\b/g,
		valid: check('BE', 'nn')
	},
	{
		name: 'Austrian social insurance number',
		pattern: /\b\d{4} ?\d{6}\b/g,
		valid: check('AT', 'vnr'),
		words: /svnr|sozialversicherung|versicherungsnummer|social insurance/i
	},
	{
		name: 'Swiss social insurance number (AHV)',
		pattern: /\b756\.?\d{4}\.?\d{4}\.?\d{2}\b/g,
		valid: check('CH', 'ssn')
	},
	{ name: 'Polish PESEL', pattern: /\b\d{11}\b/g, valid: check('PL', 'pesel'), words: /pesel/i },
	{ name: 'Czech birth number', pattern: /\b\d{6}\/\d{3,4}\b/g, valid: check('CZ', 'rc') },
	{
		name: 'Swedish personal number',
		pattern: /\b(?:\d{2})?\d{6}[-+]\d{4}\b/g,
		valid: check('SE', 'personnummer')
	},
	{ name: 'Norwegian birth number', pattern: /\b\d{6} ?\d{5}\b/g, valid: check('NO', 'fodselsnummer') },
	{
		name: 'Danish personal number (CPR)',
		pattern: /\b\d{6}-?\d{4}\b/g,
		valid: check('DK', 'cpr'),
		words: /\bcpr\b|personnummer/i
	},
	{
		name: 'Finnish personal identity code',
		pattern: /\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b/g,
		valid: check('FI', 'hetu')
	},
	{
		name: 'Portuguese tax number (NIF)',
		pattern: /\b\d{3} ?\d{3} ?\d{3}\b/g,
		valid: check('PT', 'nif'),
		words: /\bnif\b|contribuinte/i
	},
	{ name: 'Romanian personal code (CNP)', pattern: /\b[1-9]\d{12}\b/g, valid: check('RO', 'cnp') },
	{
		name: 'Bulgarian personal number (EGN)',
		pattern: /\b\d{10}\b/g,
		valid: check('BG', 'egn'),
		words: /егн|\begn\b/i
	},
	{ name: 'Turkish identity number', pattern: /\b[1-9]\d{10}\b/g, valid: check('TR', 'tckimlik') },
	{ name: 'Brazilian CPF', pattern: /\b\d{3}\.\d{3}\.\d{3}-\d{2}\b/g, valid: check('BR', 'cpf') },
	{ name: 'Brazilian CPF', pattern: /\b\d{11}\b/g, valid: check('BR', 'cpf'), words: /\bcpf\b/i },
	{ name: 'Chilean RUN', pattern: /\b\d{1,2}\.\d{3}\.\d{3}-[\dkK]\b/g, valid: check('CL', 'run') },
	{ name: 'Mexican CURP', pattern: /\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d\b/g, valid: check('MX', 'curp') },
	{
		name: 'Indian Aadhaar number',
		pattern: /\b[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}\b/g,
		valid: check('IN', 'aadhaar'),
		words: /aadhaa?r|आधार|uidai/i
	},
	{
		name: 'Indian PAN',
		pattern: /\b[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]\b/g,
		valid: check('IN', 'pan'),
		words: /\bpan\b|permanent account/i
	},
	{ name: 'Chinese resident number', pattern: /\b[1-9]\d{16}[\dXx]\b/g, valid: check('CN', 'ric') },
	{ name: 'Korean resident number', pattern: /\b\d{6}-[1-8]\d{6}\b/g, valid: check('KR', 'rrn') },
	{ name: 'South African identity number', pattern: /\b\d{13}\b/g, valid: check('ZA', 'idnr') }
];

/** All of them have seven digits in a row, give or take what separates them, or letters before digits. */
const WORTH_A_LOOK = /\d(?:[ ./+-]{0,2}\d){6}|[A-Z]{2} ?\d{2}/i;

/** Personal numbers of 30 countries that pass their checksum. */
export function* nationalIds(text: string): Generator<Finding> {
	if (!WORTH_A_LOOK.test(text)) return;
	for (const { name, pattern, valid, words } of IDS)
		for (const match of text.matchAll(pattern)) {
			const start = match.index;
			const end = start + match[0].length;
			// Part of a longer number, an amount or a version.
			if (
				/[\d.,/-]$/.test(text.slice(Math.max(0, start - 1), start)) ||
				/^(?:[/-]|[.,]?\d)/.test(text.slice(end, end + 2))
			)
				continue;
			if (words && !words.test(text.slice(Math.max(0, start - NEARBY), end + NEARBY))) continue;
			if (valid(match[0])) yield { kind: 'national-id', start, end, name };
		}
}

/** Modulus 11 over the first nine digits (NHS Data Dictionary). */
function isNhsNumber(text: string): boolean {
	const digits = text.replace(/\D/g, '');
	let sum = 0;
	for (let i = 0; i < 9; i++) sum += Number(digits[i]) * (10 - i);
	const expected = (11 - (sum % 11)) % 11;
	return expected !== 10 && expected === Number(digits[9]);
}
