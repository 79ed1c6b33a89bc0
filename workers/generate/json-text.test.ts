import { expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { JsonText } from './json-text.ts';

/** How far the text goes before it can no longer become an object; its length if it can. */
function reach(text: string): number {
	const json = new JsonText();
	for (let i = 0; i < text.length; i++) if (!json.push(text[i] as string)) return i;
	return text.length;
}

function isWhole(text: string): boolean {
	const json = new JsonText();
	return json.push(text) && json.whole;
}

/** A random object, some levels deep, with every kind of value and strings that need escapes. */
function randomObject(random: () => number, depth = 3): Record<string, unknown> {
	const count = Math.floor(random() * 4);
	return Object.fromEntries(
		Array.from({ length: count }, () => [randomText(random), randomValue(random, depth)])
	);
}

function randomValue(random: () => number, depth: number): unknown {
	const kinds = [
		() => null,
		() => random() < 0.5,
		() => Math.floor(random() * 100) - 50,
		() => (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20),
		() => randomText(random),
		() => Array.from({ length: Math.floor(random() * 3) }, () => randomValue(random, depth - 1)),
		() => randomObject(random, depth - 1)
	];
	return kinds[Math.floor(random() * (depth > 0 ? 7 : 5))]?.();
}

function randomText(random: () => number): string {
	const characters = ['a', ' ', '"', '\\', '\n', '\u0001', 'é', '😀', '{', ']', '/'];
	return Array.from({ length: Math.floor(random() * 5) }, () => characters[Math.floor(random() * 11)]).join(
		''
	);
}

test('every object that JSON.stringify writes is taken, and is whole at its last character alone', () => {
	const random = seededRandom(1);
	for (let i = 0; i < 500; i++) {
		const text = JSON.stringify(randomObject(random), null, i % 3);
		expect(reach(text)).toBe(text.length);
		expect(isWhole(text)).toBe(true);
		expect(isWhole(text.slice(0, -1))).toBe(false);
		expect(new JsonText().push(`${text} `)).toBe(false);
	}
});

test('a changed character is refused unless JSON.parse takes it too', () => {
	const random = seededRandom(2);
	const characters = '{}[]",:\\u0123456789+-.eEtfnalsr \n\t\u0001é';
	for (let i = 0; i < 5000; i++) {
		const text = JSON.stringify(randomObject(random));
		const place = Math.floor(random() * text.length);
		const character = characters[Math.floor(random() * characters.length)];
		const changed = text.slice(0, place) + character + text.slice(place + 1);
		expect(isWhole(changed), changed).toBe(parses(changed));
	}
});

test.each([
	['a list', '[1]', 0],
	['a word', 'Sure', 0],
	['a comma before the end', '{"a":1,}', 7],
	['a key without quotes', '{a:1}', 1],
	['a leading zero', '{"a":01}', 6],
	['a point without digits', '{"a":1.}', 7],
	['a line break in a string', '{"a":"\n"}', 6],
	['an unknown escape', '{"a":"\\x"}', 7],
	['three hexadecimal digits', '{"a":"\\u12g"}', 10],
	['an unknown word', '{"a":nil}', 6],
	['the wrong bracket', '{"a":[1}', 7],
	['blanks without end', `{${' '.repeat(200)}`, 33],
	['a blank before it', ' {}', 0]
])('%s', (_, text, at) => expect(reach(text)).toBe(at));

test('asking takes nothing in', () => {
	const json = new JsonText();
	json.push('{"a"');
	expect(json.allows(': 1')).toBe(true);
	expect(json.allows(', 1')).toBe(false);
	expect(json.push(':1}')).toBe(true);
	expect(json.whole).toBe(true);
});

/** An object whose text ends where the object does. */
function parses(text: string): boolean {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === 'object' && value !== null && !Array.isArray(value) && text.endsWith('}');
	} catch {
		return false;
	}
}
