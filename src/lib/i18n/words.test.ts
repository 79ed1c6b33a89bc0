import { globSync, readdirSync, readFileSync } from 'node:fs';
import PO from 'pofile';
import { parse } from 'svelte/compiler';
import { expect, test } from 'vitest';
import { catalogueModule, findWords, isHeardOf, isSpoken, wordsOf } from '../../../.ci/words.mjs';
import { languages } from './locale.ts';
import { heard, say } from './words.ts';

const folder = 'src/locales';
const read = (file: string) => readFileSync(file, 'utf8');
const finding = findWords(globSync('{src,workers}/**/*.{svelte,ts}'), read);

test('each language but English has a catalogue, and each catalogue a language', () => {
	expect(readdirSync(folder).sort()).toEqual(
		Object.keys(languages)
			.filter((language) => language !== 'en')
			.map((language) => `${language}.po`)
			.sort()
	);
});

test('every word of the pages is said in every language', async () => {
	const found = await finding;
	const wanted = found.map(({ forms }) => forms.join(' | ')).sort();
	expect(wanted.length).toBeGreaterThan(1500);
	for (const name of readdirSync(folder)) {
		const items = PO.parse(read(`${folder}/${name}`)).items;
		const there = items.map(({ msgid, msgid_plural }) => [msgid, msgid_plural].filter(Boolean).join(' | '));
		expect(there.sort(), `npm run words brings ${name} up to date`).toEqual(wanted);
		const unsaid = items.filter(({ msgstr }) => !msgstr.length || !msgstr.every(Boolean));
		expect(unsaid.map(({ msgid }) => msgid)).toEqual([]);
	}
});

test.each(readdirSync(folder))('%s says the same as the English: what is put in, and the markup', (name) => {
	const marks = (text: string) => [...text.matchAll(/\{\d+\}|<\/?\d+\/?>/g)].map(String).sort();
	const { items } = PO.parse(read(`${folder}/${name}`));
	for (const { msgid, msgstr } of items.filter(({ msgstr }) => msgstr.every(Boolean)))
		for (const text of msgstr) expect([msgid, marks(text)]).toEqual([msgid, marks(msgid)]);
});

test('words of a page are found and asked for where they stand; keys and events are not words', async () => {
	const { words, spell } = await wordsOf(
		'src/lib/x.svelte',
		`<script lang="ts">
	const rows = $derived(plural(n, ['row', 'rows']));
	const onkey = (event: KeyboardEvent) => event.key === 'Enter' && say(\`\${n} were left out.\`);
</script>
<p title="What you owe">Ask {who}, or <a href="/x">look around</a>.</p>
<h1>Ask {who}</h1>`
	);
	expect(words.map(({ forms }) => forms)).toEqual([
		['row', 'rows'],
		['{0} were left out.'],
		['What you owe'],
		['Ask {0}, or <0>look around</0>.'],
		['Ask {0}']
	]);
	const code = spell();
	expect(code).toContain(`plural(n, _w_runtime_.p(["row","rows"]), _w_runtime_._.p)`);
	expect(code).toContain(`event.key === 'Enter'`);
	expect(code).toContain(`title={_w_runtime_("What you owe")}`);
	expect(code).toContain(`<h1>{_w_runtime_(["Ask ",0], [who])}</h1>`);
});

test('what is compared or names a property is a key and stays as it is, whatever it looks like', async () => {
	const { words, spell } = await wordsOf(
		'src/lib/x.ts',
		`export function tell(kind: string): string | undefined {
	const words: Record<string, string> = { 'bond back': 'A bond came back.' };
	if (kind === 'cannot check' || 'Not there' !== kind) return words[kind];
	switch (kind) {
		case 'Claimed':
			return 'It was claimed.';
	}
}`
	);
	expect(words.map(({ forms }) => forms)).toEqual([['A bond came back.'], ['It was claimed.']]);
	const code = spell();
	for (const kept of ['["bond back"]:', 'kind === "cannot check"', '"Not there" !== kind', 'case "Claimed":'])
		expect(code).toContain(kept);
});

test('what the workers throw reaches a person, and is found', async () => {
	const { words } = await wordsOf(
		'workers/train/x.ts',
		`export function find(id: string): never {
	if (!id) throw new OpenLedgerError('train/not-found', 'There is no such run.', { remedy: 'Choose one from the list.' });
	throw new Error('Nobody reads this.');
}`
	);
	expect(words.map(({ forms }) => forms)).toEqual([['There is no such run.'], ['Choose one from the list.']]);
});

test('the reasons that go into what is thrown are found with it', async () => {
	const known = new Set((await finding).flatMap(({ forms }) => forms));
	const unsaid = globSync('workers/**/*.ts')
		.filter((file) => isHeardOf(file) && !file.startsWith('workers/chain/'))
		.flatMap((file) =>
			Array.from(
				read(file).matchAll(/\bthrow (?!new )[\w.#]+\((?:\s*\w+,)?\s*'([^'\n]+ [^'\n]+)'/g),
				([, text]) => text ?? ''
			)
				.filter((text) => !known.has(text))
				.map((text) => `${file}: ${text}`)
		);
	expect(unsaid).toEqual([]);
});

test('words are not hidden in a throw that chooses: only what begins with what makes the error is looked through', () => {
	const hidden = globSync('{src,workers}/**/*.{svelte,ts}')
		.filter((file) => (isSpoken(file) || isHeardOf(file)) && !file.endsWith('.test.ts'))
		.flatMap((file) =>
			Array.from(
				read(file).matchAll(/\bthrow (?!new\b)[^;(*]*\?[^;]*?['`][^'`;]*\p{L} \p{L}/gu),
				([found]) => `${file}: ${found}`
			)
		)
		// For wagmi; what a person is told of it stands in src/lib/chain/errors.ts.
		.filter((found) => !found.includes('providerError('));
	expect(hidden).toEqual([]);
});

test('no room throws at a person what no language knows', () => {
	const throwing = globSync('{src,workers}/**/*.{svelte,ts}').filter(
		(file) =>
			!/\.(test|cli)\.ts$|^workers\/errors\.ts$/.test(file) && /new OpenLedgerError\(/.test(read(file))
	);
	expect(throwing.length).toBeGreaterThan(80);
	expect(throwing.filter((file) => !isSpoken(file) && !isHeardOf(file))).toEqual([]);
});

test('what pages throw reaches a person too, whoever makes the error, and stays thrown', async () => {
	const { words, spell } = await wordsOf(
		'src/lib/x.ts',
		`export async function open(name: string) {
	const found = await look(name).catch((cause) => {
		throw new OpenLedgerError('datanet/not-found', \`There is no \${name} here.\`, { remedy: 'Ask for another.', cause });
	});
	if (!found.size) throw malformed('it is empty');
	if (!found.name) throw new RangeError('Nobody reads this.');
	throw found.error;
}`
	);
	expect(words.map(({ forms }) => forms)).toEqual([
		['There is no {0} here.'],
		['Ask for another.'],
		['it is empty']
	]);
	const code = spell();
	expect(code).toContain(
		`throw new OpenLedgerError('datanet/not-found', _w_runtime_(["There is no ",0," here."], [name])`
	);
	expect(code).toContain(`throw malformed(_w_runtime_("it is empty"))`);
	expect(code).not.toContain('_w_thrown_');
});

/** An expression among others in an attribute, or inside `<svelte:element>`, is not looked through. */
test('no attribute of a page keeps English that is said in other languages, or should be', async () => {
	const left: string[] = [];
	const machine = /^(class|style|href|id|data-.*|aria-activedescendant)$/;
	for (const file of globSync('src/**/*.svelte').filter(isSpoken)) {
		const code = (await wordsOf(file, read(file))).spell();
		for (const { name, texts } of attributes(parse(code, { modern: true }).fragment, code))
			for (const text of machine.test(name) ? [] : texts)
				if (/^[,.]? ?\p{L}+ \p{L}|^\p{Lu}\p{Ll}{2}/u.test(text) && text !== 'all but first')
					left.push(`${file}, ${name}: ${text}`);
	}
	expect(left).toEqual([]);
});

/** Attributes with the words in their braces that nobody looks up. */
function attributes(node: unknown, code: string): { name: string; texts: string[] }[] {
	if (Array.isArray(node)) return node.flatMap((each) => attributes(each, code));
	if (!isNode(node)) return [];
	if (node.type === 'Attribute') {
		const values = [node.value].flat().filter((value) => isNode(value) && value.type === 'ExpressionTag');
		return [{ name: String(node.name), texts: literals(values, code) }];
	}
	return Object.values(node).flatMap((each) => attributes(each, code));
}

function literals(node: unknown, code: string): string[] {
	if (Array.isArray(node)) return node.flatMap((each) => literals(each, code));
	if (!isNode(node)) return [];
	const { type, value, callee } = node;
	if (type === 'Literal') return typeof value === 'string' ? [value] : [];
	if (type === 'TemplateElement' && isNode(value)) return [String(value.cooked)];
	if (type === 'BinaryExpression' && /==/.test(String(node.operator))) return [];
	if (
		type === 'CallExpression' &&
		isNode(callee) &&
		code.slice(Number(callee.start)).startsWith('_w_runtime_')
	)
		return literals((node.arguments as unknown[]).slice(1), code);
	return Object.values(node).flatMap((each) => literals(each, code));
}

function isNode(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null;
}

test('choices in the middle of a sentence would be mixed up, and stop the build', async () => {
	const { spell } = await wordsOf(
		'src/lib/x.svelte',
		'<label>Take <select><option>this</option><option>that</option></select></label>'
	);
	expect(spell).toThrow(/put the choices/);
});

test('what runs in the service worker, or names events, has no words', () => {
	expect(isSpoken('src/lib/chat/Composer.svelte')).toBe(true);
	expect(isSpoken('src/service-worker/index.ts')).toBe(false);
	expect(isSpoken('src/lib/datanets/importing/shared.ts')).toBe(false);
	expect(isSpoken('src/lib/ledger/account.ts')).toBe(false);
});

test('English needs no catalogue', () => {
	expect(say('What you owe')).toBe('What you owe');
	expect(say([0, ' of ', 1], [3, 7])).toBe('3 of 7');
	expect(say.p(['row', 'rows'])).toEqual(['row', 'rows']);
	expect(say.x([2, 'look ', 0], ['here'])).toBe('look here');
});

test('what a worker said is known by its English, with what was put in, however deep', async () => {
	const item = (id: string, text: string) =>
		`#: workers/x.ts\nmsgid ${JSON.stringify(id)}\nmsgstr ${JSON.stringify(text)}\n`;
	const code = catalogueModule(
		[
			'msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n',
			item('This file cannot be used: {0}.', 'Nicht brauchbar: {0}.'),
			item('its {0} is longer than {1} characters', '{1} Zeichen sind zu viel für {0}'),
			item('This adapter changes {0}, {1}.', 'Dieser Adapter ändert {0}, {1}.'),
			item('as {0}, where this model has {1}', 'als {0}, wo dieses Modell {1} hat'),
			item('No model is loaded.', 'Kein Modell ist geladen.')
		].join('\n')
	);
	const german = await import(`data:text/javascript,${encodeURIComponent(code)}`);
	expect(heard('No model is loaded.', german)).toBe('Kein Modell ist geladen.');
	expect(heard('This file cannot be used: its name is longer than 9 characters.', german)).toBe(
		'Nicht brauchbar: 9 Zeichen sind zu viel für name.'
	);
	// A reason has commas of its own.
	expect(heard('This adapter changes q_proj, as 4, where this model has 5.', german)).toBe(
		'Dieser Adapter ändert q_proj, als 4, wo dieses Modell 5 hat.'
	);
	expect(heard('Nobody has said this.', german)).toBe('Nobody has said this.');
	expect([0, 1, 2].map(german.plural)).toEqual([1, 0, 1]);
});

/** `' of ' + name` and the like: what is looked up has no space at its ends, so the sentence would lose it. */
test('no words begin or end with a space that would be lost', async () => {
	const lost: string[] = [];
	for (const { forms, files } of await finding)
		for (const text of forms) {
			const pieces = text.split(/\{\d+\}|<\d+\/?>/);
			const spaced = [`\0 ${pieces[0]}`, `${pieces.at(-1)} \0`].filter((piece) => /\p{L}/u.test(piece));
			for (const file of files)
				for (const quote of [`'`, '`'])
					if (spaced.some((piece) => read(file).includes(piece.replace('\0', quote))))
						lost.push(`${file}: ${text}`);
		}
	expect(lost).toEqual([]);
});
