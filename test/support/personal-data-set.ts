import type { PersonalKind } from '#workers/datanets/checks/personal-data.ts';
import { Dice } from './dice.ts';

/** A text and the personal data in it. `{…}` in a template marks what is personal. */
export interface Labelled {
	text: string;
	language: string;
	labels: { kind: PersonalKind; start: number; end: number }[];
}

/**
 * Sentences as people write them, with personal data made up here (checksums computed here, not by the finder's
 * libraries), and about as many that only look like it: dates, versions, prices, ISBNs, measurements, formulas, numbers
 * whose checksum is wrong. The same set every time.
 */
export function personalDataSet(): Labelled[] {
	const dice = new Dice(20_260_301);
	const digits = (count: number) => Array.from({ length: count }, () => dice.below(10)).join('');
	const set: Labelled[] = [];
	const add = (kind: PersonalKind, values: (() => string)[], templates: string[], language = 'en') => {
		for (const template of templates)
			for (const value of values) set.push(labelled(template, kind, value(), language));
	};

	const names = [
		'jane.doe',
		'b.smith',
		'maria-luisa',
		'j_novak',
		'o’neill',
		'ling99',
		'Peter.Mueller',
		'info+news'
	];
	const domains = [
		'example.org',
		'mail.uni-hamburg.de',
		'gmail.com',
		'bücher.example',
		'x.co.uk',
		'corp-mail.io'
	];
	const email = () => `${dice.pick(names).replace('’', "'")}@${dice.pick(domains)}`;
	add(
		'e-mail',
		[email, email],
		[
			'You can write to {} for the results.',
			'From: {}\nTo: the clinic',
			'<{}> asked about her invoice.',
			'Contact({})',
			'My address is {}.',
			'mailto:{}?subject=hello'
		]
	);
	add('e-mail', [() => 'jane (at) example (dot) org', () => 'b.smith [at] example.org'], ['Reach me: {}']);

	add(
		'phone',
		[
			() => `+49 30 ${digits(6)}`,
			() => `+1 212 555 ${digits(4)}`,
			() => `+44 20 7946 0${digits(3)}`,
			() => `+33 6 12 34 ${digits(2)} 78`,
			() => '+91 98765 43210'
		],
		['Call {} after six.', 'Her number ({}) has changed.', 'Tel.: {}']
	);
	add(
		'phone',
		[() => `(415) 555-${digits(4)}`, () => `212-555-${digits(4)}`, () => `415.555.${digits(4)}`],
		['Please call me at {} tomorrow.', 'Fax {}, attention Dr. Reed.', 'He left {} as his contact.']
	);
	add(
		'phone',
		[() => `020 7946 0${digits(3)}`, () => '07700 900123'],
		['Ring the surgery on {}.', 'Mobile {}']
	);
	add(
		'phone',
		[() => '030 901820', () => '0171 2345678', () => '0421/218-1234'],
		['Bitte anrufen: {}', 'Telefon {}'],
		'de'
	);
	add('phone', [() => '06 12 34 56 78', () => '01.42.68.53.00'], ['Appelez le {} avant midi.'], 'fr');
	add('phone', [() => '612 34 56 78', () => '91 123 45 67'], ['Llame al {}.'], 'es');

	const card = (prefix: string, length: number) => () => {
		const body = prefix + digits(length - prefix.length - 1);
		return body + luhnDigit(body);
	};
	const spaced = (make: () => string) => () => make().replace(/(.{4})(?=.)/g, '$1 ');
	add(
		'card',
		[
			card('4', 16),
			spaced(card('52', 16)),
			card('37', 15),
			spaced(card('4', 16)),
			card('6011', 16),
			() => spaced(card('3530', 16))().replace(/ /g, '-')
		],
		['My card {} was declined.', 'Charge it to {}, expiry 04/29.', 'card no. {}']
	);

	add(
		'iban',
		[
			iban('DE', '370400440532013', digits),
			iban('GB', 'NWBK601613319268', digits),
			iban('FR', '20041010050500013M026', digits),
			iban('NL', 'ABNA041716430', digits),
			iban('ES', '2100041845020005133', digits)
		],
		['Please transfer it to {} by Friday.', 'IBAN: {}', '({})']
	);

	add(
		'national-id',
		[() => `${1 + dice.below(7)}${digits(1)}5-4${1 + dice.below(9)}-${1 + dice.below(9)}${digits(3)}`],
		['SSN {} on the form', 'His social is {}.', 'Applicant: {}']
	);
	add(
		'national-id',
		[() => dni(digits), () => dni(digits)],
		['DNI {} expedido en Madrid', 'con documento {}'],
		'es'
	);
	add(
		'national-id',
		[() => nir(digits), () => nir(digits)],
		['Son numéro est {}.', 'Sécurité sociale : {}'],
		'fr'
	);
	add(
		'national-id',
		[() => bsn(digits), () => bsn(digits)],
		['BSN {} van de patiënt', 'burgerservicenummer: {}'],
		'nl'
	);
	add(
		'national-id',
		[() => cpf(dice), () => cpf(dice)],
		['CPF {} do cliente', 'portador do número {}'],
		'pt'
	);
	add('national-id', [() => pesel(dice), () => pesel(dice)], ['PESEL {} pacjenta'], 'pl');
	add(
		'national-id',
		[() => personnummer(dice), () => personnummer(dice)],
		['Personnummer {}', 'Kunden {} ringde'],
		'sv'
	);
	add('national-id', [() => ahv(digits), () => ahv(digits)], ['AHV-Nummer {}', 'versichert unter {}'], 'de');
	add('national-id', [() => nhs(dice), () => nhs(dice)], ['NHS number {}', 'NHS no: {} was checked']);
	add('national-id', [() => 'AB123456C', () => 'JG 10 37 59 A'], ['National insurance {}', 'NI: {}']);
	add('national-id', [() => 'RSSMRA85T10A562S'], ['codice fiscale {}', 'intestato a {}'], 'it');
	add('national-id', [() => aadhaar(dice), () => aadhaar(dice)], ['Aadhaar {} linked', 'Aadhaar no. {}']);

	for (const text of negatives(dice, digits)) set.push({ text, language: 'en', labels: [] });
	return set;
}

/** How well a finder does on the set: a label is found when a finding of its kind overlaps it. */
export function scoreFinder(
	find: (text: string, language: string) => { kind: PersonalKind; start: number; end: number }[]
) {
	let labels = 0;
	let found = 0;
	let findings = 0;
	let right = 0;
	const missed: string[] = [];
	const wrong: string[] = [];
	for (const { text, language, labels: expected } of personalDataSet()) {
		const got = find(text, language);
		const match = (a: { kind: string; start: number; end: number }, b: typeof a) =>
			a.kind === b.kind && a.start < b.end && b.start < a.end;
		labels += expected.length;
		findings += got.length;
		for (const label of expected)
			if (got.some((finding) => match(finding, label))) found++;
			else missed.push(text);
		for (const finding of got)
			if (expected.some((label) => match(finding, label))) right++;
			else wrong.push(`${text} → ${finding.kind} ${text.slice(finding.start, finding.end)}`);
	}
	return { recall: found / labels, precision: right / findings, labels, missed, wrong };
}

function labelled(template: string, kind: PersonalKind, value: string, language: string): Labelled {
	const start = template.indexOf('{}');
	return {
		text: template.replace('{}', value),
		language,
		labels: [{ kind, start, end: start + value.length }]
	};
}

function negatives(dice: Dice, digits: (count: number) => string): string[] {
	const texts: string[] = [];
	for (let i = 0; i < 6; i++) {
		const wrongCard = () => {
			const body = `4${digits(14)}`;
			return body + String((Number(luhnDigit(body)) + 1 + dice.below(8)) % 10);
		};
		texts.push(
			`On ${2000 + dice.below(26)}-0${1 + dice.below(9)}-1${dice.below(10)} the trial began.`,
			`Version ${dice.below(9)}.${dice.below(20)}.${dice.below(30)} fixes it; see build ${digits(8)}.`,
			`ISBN 978-3-16-${digits(6)}-0 is out of print.`,
			`The distance is 149 597 870 km, give or take ${digits(3)}.`,
			`Order ${digits(10)} was shipped on 12/0${1 + dice.below(9)}/2024.`,
			`It costs $1,2${digits(2)},${digits(3)}.00 a year.`,
			`Between 1914-1918 and 1939-1945, about ${digits(2)},${digits(3)},${digits(3)} people moved.`,
			`card ${wrongCard()} is a number that no bank has given out`,
			`DE${digits(2)} 0000 0000 0000 0000 01 is no account.`,
			`x = 3.14159265358979${digits(4)}, y = 2.718281828459045`,
			`Latitude 52.5200${digits(2)}, longitude 13.4049${digits(2)}.`,
			`GET /api/v2/items/${digits(12)}?page=3 HTTP/1.1`,
			`The sequence 0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89 goes on.`,
			`UUID ${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`,
			`Room 0${digits(2)}-${digits(2)}, floor ${dice.below(9)}, from 09:00-17:30.`,
			`Follow @anatomy_daily and #bones2024 for more.`,
			`Fig. ${dice.below(20)}.${dice.below(20)}: 200-300 mg, 2-3 times a day, 5 (3-7) days.`,
			`PMID: ${digits(8)}; doi:10.1${digits(3)}/j.cell.2020.0${digits(1)}.0${digits(2)}`,
			`The part number is A${digits(3)}-${digits(5)}-B; the SKU is ${digits(9)}.`,
			`In ${1900 + dice.below(120)}, 1${digits(2)} 000 000 tonnes were mined; by ${1900 + dice.below(120)} far more.`
		);
	}
	return texts;
}

function luhnDigit(body: string): string {
	let sum = 0;
	[...body].reverse().forEach((character, i) => {
		const digit = Number(character) * (i % 2 === 0 ? 2 : 1);
		sum += digit > 9 ? digit - 9 : digit;
	});
	return String((10 - (sum % 10)) % 10);
}

/** Digits that the examples below lack of their country's length. */
const EXTRA: Record<string, number> = { DE: 3, FR: 2, GB: 2 };

function iban(country: string, body: string, digits: (count: number) => string): () => string {
	return () => {
		const account = body.slice(0, -2) + digits(2 + (EXTRA[country] ?? 1));
		const number = [...`${account}${country}00`].map((character) => parseInt(character, 36)).join('');
		const checksum = String(98n - (BigInt(number) % 97n)).padStart(2, '0');
		return `${country}${checksum}${account}`.replace(/(.{4})(?=.)/g, '$1 ');
	};
}

function dni(digits: (count: number) => string): string {
	const number = digits(8);
	return `${number}${'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23]}`;
}

function nir(digits: (count: number) => string): string {
	const number = `18${digits(1)}0${1 + (Number(digits(1)) % 9)}75${digits(3)}${digits(3)}`;
	return `${number}${String(97n - (BigInt(number) % 97n)).padStart(2, '0')}`;
}

function bsn(digits: (count: number) => string): string {
	for (;;) {
		const number = `1${digits(8)}`;
		const sum = [...number].reduce((total, digit, i) => total + Number(digit) * (i === 8 ? -1 : 9 - i), 0);
		if (sum % 11 === 0) return number;
	}
}

function cpf(dice: Dice): string {
	const body = Array.from({ length: 9 }, () => dice.below(10));
	for (const length of [9, 10]) {
		const sum = body.slice(0, length).reduce((total, digit, i) => total + digit * (length + 1 - i), 0);
		body.push(((sum * 10) % 11) % 10);
	}
	return body.join('').replace(/(...)(...)(...)(..)/, '$1.$2.$3-$4');
}

function pesel(dice: Dice): string {
	const body = [
		8,
		5,
		0,
		1 + dice.below(9),
		1,
		dice.below(10),
		...Array.from({ length: 4 }, () => dice.below(10))
	];
	const sum = body.reduce((total, digit, i) => total + digit * ([1, 3, 7, 9][i % 4] ?? 0), 0);
	return [...body, (10 - (sum % 10)) % 10].join('');
}

function personnummer(dice: Dice): string {
	const body = `85010${1 + dice.below(9)}${String(dice.below(1000)).padStart(3, '0')}`;
	return `${body.slice(0, 6)}-${body.slice(6)}${luhnDigit(body)}`;
}

function ahv(digits: (count: number) => string): string {
	const body = `756${digits(9)}`;
	const sum = [...body].reduce((total, digit, i) => total + Number(digit) * (i % 2 === 0 ? 1 : 3), 0);
	return `${body}${(10 - (sum % 10)) % 10}`.replace(/(...)(....)(....)(..)/, '$1.$2.$3.$4');
}

function nhs(dice: Dice): string {
	for (;;) {
		const body = Array.from({ length: 9 }, () => dice.below(10));
		const rest = 11 - (body.reduce((total, digit, i) => total + digit * (10 - i), 0) % 11);
		if (rest === 10) continue;
		return [...body, rest === 11 ? 0 : rest].join('').replace(/(...)(...)(....)/, '$1 $2 $3');
	}
}

/** Verhoeff's checksum (1969). */
function aadhaar(dice: Dice): string {
	const product = (a: number, b: number) =>
		a < 5 ? (b < 5 ? (a + b) % 5 : 5 + ((a + b) % 5)) : b < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 5) % 5;
	const base = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
	const permute = (times: number, digit: number) =>
		Array.from({ length: times }).reduce<number>((value) => base[value] ?? 0, digit);
	const body = [2 + dice.below(8), ...Array.from({ length: 10 }, () => dice.below(10))];
	let check = 0;
	body.toReversed().forEach((digit, i) => {
		check = product(check, permute((i + 1) % 8, digit));
	});
	const inverse = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9][check] ?? 0;
	return [...body, inverse].join('').replace(/(....)(....)(....)/, '$1 $2 $3');
}
