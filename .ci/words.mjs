import { relative } from 'node:path';
import { adapter as svelteAdapter } from '@wuchale/svelte';
import PO from 'pofile';
import { IndexTracker } from 'wuchale';
import { adapter as scriptAdapter } from 'wuchale/adapter-vanilla';
import { compileTranslation } from 'wuchale/compiler';
import { keyOf } from '../src/lib/i18n/key.ts';

/**
 * The words of the pages: wuchale finds them in the source, `src/locales/*.po` says them in other languages
 * (docs/decisions/i18n.md). English stays beside the code that says it, so it costs a page nothing to fetch; a
 * translation is one file, fetched before the first page when it is the language chosen.
 *
 * @typedef {import('wuchale').CompiledElement | import('wuchale').CompiledElement[]} Compiled
 */

export const source = 'en';

/** Languages beside English: those with a catalogue in `src/locales`. */
export const locales = ['de'];

/** Names of keys, events, errors, headers and functions begin with a capital too. */
const names =
	/^(?:[A-Z]+[a-z]*[A-Z]\w*|(?:[A-Z]\w*-)+[A-Z]\w*|\w*Error|Escape|Enter|Tab|Space|Backspace|Home|End|M#.*)$/;
/** What these are called with is for the machine. */
const deaf =
	/closest$|(starts|ends)With$|querySelector(All)?$|^(matchMedia|exclusively|once|topic|topicOf|decodeEventLog|readCollected|encodeFunctionData|createConnector|fetch|resolve|stopped)$|stores$|^api\.|^console\.|\.request$|^defineChain$|^showControl$/;
/** A word alone is hardly ever text in a script: these are, and nothing in their file is compared with them. */
const single = new Map([
	['src/lib/ui/format.ts', ['today', 'yesterday']],
	['src/lib/lineage/words.ts', ['free']],
	['src/lib/datanets/rows/RowsTable.svelte', ['empty']],
	['src/lib/settings/DeviceSection.svelte', ['yes', 'no']],
	['src/lib/settings/StorageSection.svelte', ['model', 'adapter', 'damaged']],
	['src/lib/factory/settings.ts', ['yes', 'no']],
	['src/lib/factory/run-words.ts', ['higher', 'lower']],
	['src/lib/ledger/RootsSection.svelte', ['is', 'are']],
	['src/lib/attribution/RowInfluence.svelte', ['it', 'them']],
	['src/lib/adapters/card-words.ts', ['free', 'paused']],
	['src/lib/adapters/link/Registrations.svelte', ['description']],
	['src/lib/govern/ProposalRow.svelte', ['you']],
	['src/lib/factory/EstimateView.svelte', ['none']],
	['src/lib/chat/ReplySettingsPanel.svelte', ['off']],
	['src/lib/chat/markdown/CodeBlock.svelte', ['text']],
	['src/lib/attribution/PayLine.svelte', ['costs', 'gave', 'give']]
]);
/** What is no text although it looks like it: keys of records, another program's words, tables, values of a property. */
const records = /^src\/lib\/(ledger\/(audits|roots|stakes|earned)|lineage\/stored)\.ts$/;
const others =
	/\t|^(max|min)-width|^\(width |^https?:|^all but first$|^User disconnected|^Invalid .* request$|^no account of an/;
/** Attributes that a person reads or hears, whatever they begin with. */
const spoken =
	/^(aria-label|aria-description|alt|title|label|hint|intro|note|text|placeholder|place|from|to|of)$/;

/** @type {import('wuchale').HeuristicFunc} */
function isText({ msgStr, details }) {
	const text = msgStr.join('\n');
	const { scope, element, attribute, call, file } = details;
	if (
		!/\p{L}/u.test(text) ||
		others.test(text) ||
		['script', 'style', 'path', 'code', 'pre'].includes(element ?? '')
	)
		return false;
	if (scope === 'markup') return 'message';
	if (scope === 'attribute')
		return spoken.test(attribute ?? '') || /^\p{Lu}(?:\S*\p{Ll}|\s+\p{L})/u.test(text) ? 'message' : false;
	if (single.get(file)?.includes(text)) return 'message';
	if ((call && deaf.test(call)) || (records.test(file) && /^[a-z]+ #/.test(text))) return false;
	if (details.declaring === 'expression' && details.funcName == null) return false;
	if (names.test(text) || !/\p{Ll}/u.test(text)) return false;
	// A sentence or the piece of one, or a word with a capital.
	return /\p{L}{2}.*\s|\s.*\p{L}{2}|^[^\w{}]*\p{Lu}\p{L}*\p{Ll}/su.test(text) ? 'message' : false;
}

/** Rooms of the computing half whose sentences reach a person. What is signed (`kept`), what a model is asked and files for others stay as they are. */
const computing =
	/^workers\/(adapters|attribution|chain|datanets|engine|formats|generate|ipfs|ledger|models|onnx|runtime|train)\/(?!.*(\.test|scenarios|\.cli|\.worker|wgsl|reword|build-model|exporting|gpu-adapter))[^.]*\.ts$/;
/** There also what is no whole sentence: names of checks and changes, and the reasons that sentences are made with. */
const pieces =
	/(checks\/quality|service\/(service|bulk|story)|bundle\/(review|records|read)|store\/versions|choose-provider|chain\/people|adapters\/(link|agent|path-pattern|check-fit|manifest|lora-config)|datanets\/parse|train\/rows\/dataset|import\/(mapping|messages|guess)|formats\/(csv|json)|models\/catalogue\/entry|download\/request)\.ts$/;
/** And what goes into the sentence of an error that is made by one of these. */
const reasons =
	/^(?:this\.#|at\.)?(?:malformed|unsupported|untrainable|unclear|cannotContinue|diverged|refuse|strange|damaged|nonsense|inconsistent|notADecoder|notThere|bad|Retry)$/;
const kept =
	/^(I contribute these|Rows signed by|Rewrite this|Give me three|Explain gravity|Write a polite|Plan a week|Compare renting|Draft a complaint|Define opp|openledger )/;

/** @type {import('wuchale').HeuristicFunc} */
function isHeard({ msgStr, details: { file, call } }) {
	const text = msgStr.join('\n');
	if (kept.test(text) || text.includes('\n') || (call && deaf.test(call))) return false;
	// What is put in stands as #.
	const sentence = /^(?:[^a-z]|config\.json).*\p{Ll}.* .*(?:\.|[.:] #)$/u.test(text);
	const piece =
		(pieces.test(file) || (reasons.test(call ?? '') && !file.startsWith('workers/chain/'))) &&
		/\p{Ll}.* .*\p{L}|^\p{Lu}\p{Ll}{3,}$|^[1#] rows?$/u.test(text);
	return sentence || piece ? 'message' : false;
}

/** Nothing is made ready in a file: `spell` puts the words where they are read. */
const runtime = {
	initReactive: () => null,
	useReactive: false,
	plain: { wrapInit: identity, wrapUse: identity },
	reactive: { wrapInit: identity, wrapUse: identity }
};
const adapters = {
	svelte: svelteAdapter({ heuristic: isText, runtime }),
	ts: scriptAdapter({ heuristic: isText, runtime }),
	heard: scriptAdapter({ heuristic: isHeard, runtime })
};

/** @param {string} expression */
function identity(expression) {
	return expression;
}

/**
 * True for the files whose words are translated. What also runs in the service worker has none, nor what names the
 * contracts' events.
 * @param {string} file from the repository's root
 */
export const isSpoken = (file) =>
	/^src\/(lib|routes)\/.*\.(svelte|ts)$/.test(file) &&
	!/\.test\.ts$|\.d\.ts$|^src\/lib\/(i18n|api)\/|(importing\/shared|ledger\/account)\.ts$/.test(file);

/**
 * True for the files of the computing half whose sentences the pages look up.
 * @param {string} file from the repository's root
 */
export const isHeardOf = (file) => computing.test(file);

/**
 * The words in a file.
 * @param {string} file from the repository's root
 * @param {string} content
 */
export async function wordsOf(file, content) {
	const index = new IndexTracker();
	const { transform } = adapters[computing.test(file) ? 'heard' : file.endsWith('.ts') ? 'ts' : 'svelte'];
	const { msgs, output } = await transform({
		content: content.replace(thrown, `return ${mark}`),
		filename: file,
		index,
		expr: { plain: '', reactive: '' },
		matchUrl: () => null
	});
	const messages = new Map(
		msgs.filter(({ type }) => type === 'message').map((message) => [message.msgStr.join('\n'), message])
	);
	// Options inside a label are asked for alone too.
	const forms = [...index.indices.keys()].map((key) => messages.get(key)?.msgStr ?? [key]);
	const code = (output(`import { say as _w_runtime_ } from '#lib/i18n/words.ts'`).code ?? '')
		.replaceAll(`return ${mark}`, 'throw ')
		.replaceAll(key, (all) =>
			all.replace(/_w_runtime_\((\d+)\)/, (_, place) => JSON.stringify(forms[place]?.[0]))
		);
	const asked = new Set(Array.from(code.matchAll(read), ([, , place]) => Number(place)));
	return {
		words: forms
			.filter((_, place) => asked.has(place))
			.map((one) => ({ forms: one, placeholders: messages.get(one.join('\n'))?.placeholders ?? [] })),
		/** The file with calls of `say` (src/lib/i18n/words.ts) in the place of its words, which stay where they are read. */
		spell() {
			const english = forms.map(spelled);
			// wuchale reads such elements as one text, and would write all of it into each.
			for (const [, inside = ''] of code.matchAll(merged))
				if (inside.split('_w_runtime_.x(_w_ctx_)').length > 2)
					throw new Error(`${file}: put the choices of a select inside a sentence into an {#each}:${inside}`);
			return code
				.replace(read, (_, way = '', place) => `_w_runtime_${way}(${english[place]}`)
				.replace(plain, '{_w_runtime_($1, $2)}');
		}
	};
}

/**
 * wuchale takes what is thrown for no text. What is thrown here says to a person what happened and what to do, but for the
 * platform's own errors, which nobody reads.
 */
const thrown =
	/\bthrow (?=new (?!DOMException|\w{0,6}Error\()\w+\(|(?!new\b)[a-z][\w.#]*\(|OpenLedgerError\.from\()/g;
/** Stands in the place of such a `throw` while wuchale reads. */
const mark = '_w_thrown_ ?? ';

/** What is compared, or names a property, is a key, whatever it looks like. */
const key =
	/(?:case |[!=]==? )_w_runtime_\(\d+\)|_w_runtime_\(\d+\)(?= [!=]==? )|\[_w_runtime_\(\d+\)\](?=:)/g;
/** How wuchale's output asks for a word. */
const read = /_w_runtime_(?:mod_)?(\.[cp])?\((\d+)(?=[,)])/g;
const merged = /\{#snippet _w_snippet_\d+\(_w_ctx_\)\}((?:(?!\{#snippet)[\s\S])*?)\{\/snippet\}/g;
/** Text without markup in it needs no component. */
const plain =
	/\n<W_tx_ x=\{_w_runtime_\.c\(((?:"(?:[^"\\]|\\.)*"|[\d[\],])+)\)\} a=\{(\[[\s\S]*?\])\} \/>\n/g;

/**
 * One message as the page reads it: a string; with placeholders a list of pieces; a plural as the list of its forms.
 * @param {string[]} forms
 * @returns {Compiled}
 */
export function compiled(forms) {
	return forms.length > 1 ? forms : compileTranslation(forms[0] ?? '', '');
}

/**
 * The same for the same English.
 * @param {string[]} forms
 */
const spelled = (forms) => JSON.stringify(compiled(forms));

/**
 * All words of the pages and of what the workers tell them, each once, in the order of the files that say them.
 * @param {string[]} files from the repository's root
 * @param {(file: string) => string} read
 */
export async function findWords(files, read) {
	/** @type {Map<string, { forms: string[], files: string[], placeholders: string[] }>} */
	const found = new Map();
	for (const file of files.filter((file) => isSpoken(file) || computing.test(file)).sort()) {
		for (const { forms, placeholders } of (await wordsOf(file, read(file))).words) {
			const entry = found.get(spelled(forms)) ?? { forms, files: [], placeholders: [] };
			if (!entry.files.includes(file)) entry.files.push(file);
			if (!entry.placeholders.length)
				entry.placeholders = placeholders.map(([i, code]) => `{${i}}: ${code.replace(/\s+/g, ' ')}`);
			found.set(spelled(forms), entry);
		}
	}
	return [...found.values()];
}

/**
 * A catalogue as a module: `words` by key, and which form of a plural a count takes.
 * @param {string} text of a .po file
 */
export function catalogueModule(text) {
	const { items, headers } = PO.parse(text);
	const entries = items
		.filter(({ obsolete, msgstr }) => !obsolete && msgstr.every(Boolean))
		.map(({ msgid, msgid_plural, msgstr }) => [
			keyOf(spelled(msgid_plural ? [msgid, msgid_plural] : [msgid])),
			compiled(msgstr)
		]);
	const plural = /plural=([^;]+)/.exec(headers['Plural-Forms'] ?? '')?.[1] ?? 'n != 1';
	if (new Set(entries.map(([key]) => key)).size < entries.length)
		throw new Error('Two texts of the catalogue have the same key: change a word of one.');
	// What comes from a worker is put together there, and known by its English alone.
	const heard = items
		.filter((item) => !item.msgid_plural && item.references.some((file) => file.startsWith('workers/')))
		.map(({ msgid, msgstr }) => [compiled([msgid]), compiled(msgstr)])
		.filter(([english]) => Array.isArray(english))
		.sort(([a], [b]) => JSON.stringify(b).length - JSON.stringify(a).length);
	return [
		`export const words = ${JSON.stringify(Object.fromEntries(entries))};`,
		`export const heard = ${JSON.stringify(heard)};`,
		`export const plural = (n) => Number(${plural});`
	].join('\n');
}

/** Vite: pages say their words in the chosen language, and catalogues are modules. */
export function words() {
	let root = '';
	return {
		name: 'words',
		/** @param {{ root: string }} config */
		configResolved(config) {
			root = config.root;
		},
		transform: {
			order: /** @type {const} */ ('pre'),
			/**
			 * @param {string} content
			 * @param {string} id
			 */
			async handler(content, id) {
				const file = relative(root, id).replaceAll('\\', '/');
				if (/^src\/locales\/\w+\.po$/.test(file)) return { code: catalogueModule(content), map: null };
				const found = isSpoken(file) && (await wordsOf(file, content));
				return found && found.words.length ? { code: found.spell(), map: null } : undefined;
			}
		}
	};
}
