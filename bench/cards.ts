import { readFileSync, statSync, writeFileSync } from 'node:fs';

/** The model cards of what the app brings along: each is the README of its folder, with a part made from files, between these. */
const start = '<!-- card: made from manifests and bench/results by `npm run bench -- NAME --save` -->';
const end = '<!-- /card -->';

const root = new URL('..', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const json = <T>(path: string) => JSON.parse(read(path)) as T;
const bytes = (path: string) => `${(statSync(new URL(path, root)).size / 1e6).toPrecision(3)} MB`;
const round = (value: number, digits = 3) => value.toFixed(digits);

interface Quality {
	pairs: number;
	reply_tokens: number;
	figures: Record<'fp32' | 'q4', { loss: number; agreement: number }>;
}

interface Manifest {
	datanets: { name: string; rows: number; licence: string; sha256: string }[];
	hyperparameters: Record<string, number>;
	evaluation: { heldOutRows: number; heldOutTokens: number; lossBefore: number; lossAfter: number };
}

interface Attribution {
	offtopic_mass: number;
	datanets: Record<string, { subsets: number; held: { index: number; bm25: number; ceiling: number } }>;
}

const table = (rows: string[][]) => rows.map((row) => `| ${row.join(' | ')} |`).join('\n');

function nanoPart(): string {
	const { parameters, config } = json<{ parameters: number; config: Record<string, number> }>(
		'static/models/nano/manifest.json'
	);
	const { pairs, reply_tokens: tokens, figures } = json<Quality>('bench/results/quality.json');
	const { fp32, q4 } = figures;
	return `## Figures

${table([
	['what', 'value'],
	['---', '---'],
	['parameters', parameters.toLocaleString('en')],
	[
		'layers, width, vocabulary, context',
		[config.layers, config.hidden, config.vocab, config.context].join(', ')
	],
	['file', bytes('static/models/nano/onnx/model_q4.onnx')],
	[
		`loss of a reply token on ${pairs} held-out definitions (${tokens.toLocaleString('en')} tokens), nats`,
		`**${round(q4.loss)}**; ${round(fp32.loss)} before quantisation`
	],
	['most probable token as before quantisation', `${round(100 * q4.agreement, 1)} %`]
])}

## Use and limits

- For trying the app, for tests, and as the base of small adapters. Not for advice of any kind: most of its statements are wrong.
- English alone, single questions of the form “What is …?”; it forgets what was said a few sentences ago (context of ${config.context} tokens).
- It was trained on textbooks and not aligned: it refuses nothing, and what textbooks pass over it does not know.`;
}

function adapterPart(folder: 'anatomy' | 'finance'): string {
	const path = `static/adapters/${folder}/`;
	const manifest = json<Manifest>(`${path}openledger.json`);
	const { heldOutRows, heldOutTokens, lossBefore, lossAfter } = manifest.evaluation;
	const attribution = json<Attribution>('bench/results/lds.json');
	const measured = attribution.datanets[folder];
	if (!measured) throw new Error(`bench/results/lds.json has no figures of ${folder}`);
	const { held, subsets } = measured;
	return `## Figures

${table([
	['what', 'value'],
	['---', '---'],
	...manifest.datanets.map(({ name, rows, licence }) => [
		'learnt from',
		`${name}: ${rows.toLocaleString('en')} rows, ${licence}`
	]),
	[
		'recipe',
		Object.entries(manifest.hyperparameters)
			.map(([name, value]) => `${name} ${value}`)
			.join(', ')
	],
	[
		`loss of a reply token on ${heldOutRows} held-out rows (${heldOutTokens.toLocaleString('en')} tokens), nats`,
		`**${round(lossAfter)}**; base ${round(lossBefore)} (${round(100 * (1 - lossAfter / lossBefore), 1)} % lower)`
	],
	['file of weights', bytes(`${path}adapter_model.safetensors`)],
	[
		`attribution: rank correlation with retraining without rows (LDS, ${subsets} halves of 120 rows of this Datanet, not of this adapter)`,
		`**${round(held.index)}**; BM25 ${round(held.bm25)}, ceiling ${round(held.ceiling)}`
	],
	[
		'share that is attributed where the question is off topic (all Datanets)',
		`${round(100 * attribution.offtopic_mass, 1)} %`
	]
])}

## Use and limits

- For trying adapters, attribution and payments. It has the manner of its glossary, not its facts: nothing it says is to be relied on, least of
  all about health or money.
- Questions beyond “What is …?” and other subjects are answered as badly as by the base, often in the words of this one.
- Who is credited: the rows are the book’s; in the sandbox they belong to made-up people, so that shares and payments can be seen.`;
}

const cards: [path: string, part: () => string][] = [
	['static/models/nano/README.md', nanoPart],
	['static/adapters/anatomy/README.md', () => adapterPart('anatomy')],
	['static/adapters/finance/README.md', () => adapterPart('finance')]
];

/** Each card as it is and as it should be; a card without the part gets it at its end. */
export function renderCards(): { path: string; is: string; should: string }[] {
	return cards.map(([path, part]) => {
		const is = read(path);
		const [from, to] = [is.indexOf(start), is.indexOf(end)];
		const before = from < 0 ? `${is.trimEnd()}\n\n` : is.slice(0, from);
		const after = to < 0 ? '\n' : is.slice(to + end.length);
		return { path, is, should: `${before}${start}\n\n${part()}\n\n${end}${after}` };
	});
}

export function updateCards(): void {
	for (const { path, should } of renderCards()) writeFileSync(new URL(path, root), should);
}
