import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import PO from 'pofile';
import { findWords } from './words.mjs';

/**
 * `npm run words`: brings the catalogues in `src/locales` up to date with the source. New words come in without a
 * translation, words that are gone go out, translations stay. A new language begins as an empty file.
 */
const folder = 'src/locales';
const found = await findWords(globSync('{src,workers}/**/*.{svelte,ts}'), (file) =>
	readFileSync(file, 'utf8')
);

for (const name of readdirSync(folder).filter((file) => file.endsWith('.po'))) {
	const path = join(folder, name);
	const catalogue = PO.parse(readFileSync(path, 'utf8'));
	const nameOf = (one = '', many = '') => `${one}\n${many}`;
	const known = new Map(
		catalogue.items.map((item) => [nameOf(item.msgid, item.msgid_plural ?? undefined), item])
	);
	const language = name.replace('.po', '');
	catalogue.headers = {
		'Plural-Forms': 'nplurals=2; plural=(n != 1);',
		...catalogue.headers,
		'Source-Language': 'en',
		Language: language,
		'Content-Type': 'text/plain; charset=utf-8'
	};
	catalogue.items = found.map(({ forms, files, placeholders }) => {
		const [one = '', many] = forms;
		const item = new PO.Item();
		const old = known.get(nameOf(one, many));
		item.msgid = one;
		item.msgid_plural = many;
		item.msgstr = old?.msgstr ?? [];
		item.references = files;
		item.extractedComments = placeholders;
		item.comments = old?.comments ?? [];
		return item;
	});
	writeFileSync(path, `${catalogue.toString().trimEnd()}\n`);
	const missing = catalogue.items.filter(({ msgstr }) => !msgstr.length || !msgstr.every(Boolean)).length;
	console.log(`${path}: ${found.length} words and sentences, ${missing} of them not translated`);
}
