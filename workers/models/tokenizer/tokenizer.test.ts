import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { ReferenceBpe } from '#test/support/reference-bpe.ts';
import { sharedPath } from '#test/support/shared.ts';
import { createTokenizer, requireTokenizerFits, type Tokenizer, type TokenizerFiles } from './tokenizer.ts';

const seed = Date.now() % 1e9;
const nano = sharedPath('models/nano');
const tokenizers = sharedPath('data/tokenizers');

function filesOf(folder: string): TokenizerFiles {
	const names = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'config.json'] as const;
	const found = names.filter((name) => existsSync(join(folder, name)));
	return Object.fromEntries(
		found.map((name) => [name, readFileSync(join(folder, name))])
	) as unknown as TokenizerFiles;
}

const malformed = expect.objectContaining({ code: 'tokenizer/malformed' });
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A byte-level BPE tokenizer.json from the older pair of files. */
function fromPair(folder: string, pattern: string, added: Record<string, number> = {}): Uint8Array {
	const lines = readFileSync(join(folder, 'merges.txt'), 'utf8').split('\n');
	const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
	return json({
		added_tokens: Object.entries(added).map(([content, id]) => ({
			id,
			content,
			special: true,
			normalized: false
		})),
		normalizer: { type: 'NFC' },
		pre_tokenizer: {
			type: 'Sequence',
			pretokenizers: [
				{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
				byteLevel
			]
		},
		post_processor: byteLevel,
		decoder: byteLevel,
		model: {
			type: 'BPE',
			vocab: JSON.parse(readFileSync(join(folder, 'vocab.json'), 'utf8')),
			merges: lines.filter((line) => line !== '' && !line.startsWith('#version'))
		}
	});
}

const gpt2Pattern = String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const qwenPattern = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Texts with many kinds of characters, spaces and lines. */
function randomTexts(count: number): string[] {
	const random = seededRandom(seed);
	const pieces = [
		'the ',
		'Ledger',
		"it's",
		"WE'LL",
		' 3.14',
		'2026',
		'\n',
		'\n\n',
		'  ',
		'\t',
		'naïve',
		'é',
		'東京',
		'🙂',
		'👩‍🚀',
		'ﬁ',
		'…',
		'—',
		'{"a":1}',
		'<b>',
		'ßẞ',
		'हिन्दी',
		'\u00a0',
		'x'.repeat(9),
		'\u0000',
		'!?'
	];
	const pick = () => pieces[Math.floor(random() * pieces.length)] ?? '';
	return Array.from({ length: count }, () =>
		Array.from({ length: 1 + random() * 30 }, pick)
			.join('')
			.normalize('NFC')
	);
}

describe.skipIf(!nano)('nano (needs ../shared/models/nano)', () => {
	const folder = nano ?? '';
	const tokenizer = nano ? createTokenizer(filesOf(folder)) : undefined;

	test('texts get the ids that the trainer’s tokenizer gave, and come back', () => {
		const { tokenizer: cases } = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8'));
		expect(cases.length).toBeGreaterThan(3);
		for (const { text, ids } of cases) {
			expect(tokenizer?.encode(text)).toEqual(ids);
			expect(tokenizer?.decode(ids)).toBe(text);
		}
	});

	test('a question in the chat template has the ids of the reference prompt', () => {
		const { loss } = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8'));
		const prompt = loss[0].ids.slice(0, loss[0].prompt_length);
		const text = tokenizer?.applyChatTemplate([{ role: 'user', content: 'What is inflation?' }], {
			addGenerationPrompt: true
		});
		expect(tokenizer?.encode(text ?? '')).toEqual(prompt);
		expect(tokenizer?.decode(prompt, { special: true })).toBe(text);
		expect(tokenizer?.decode(prompt)).toBe('user\nWhat is inflation?\nassistant\n');
	});

	test('replies end at the tokens that the model’s files name', () => {
		expect(tokenizer?.eosIds).toEqual([2, 0]);
		expect(tokenizer?.vocabSize).toBe(4096);
		expect(tokenizer?.hasChatTemplate).toBe(true);
	});
});

describe.skipIf(!tokenizers)(`published tokenizers (need ../shared/data/tokenizers; seed ${seed})`, () => {
	const folder = (name: string) => join(tokenizers ?? '', name);
	let read: Tokenizer | undefined;
	const qwen = () => (read ??= readQwen());
	const readQwen = () => {
		const added = JSON.parse(readFileSync(folder('qwen2.5/added_tokens.json'), 'utf8'));
		return createTokenizer({
			'tokenizer.json': fromPair(folder('qwen2.5'), qwenPattern, added),
			'tokenizer_config.json': readFileSync(folder('qwen2.5/tokenizer_config.json'))
		});
	};

	test('GPT-2 and Qwen2.5 give the ids of a plain byte-pair encoder, and back comes the text', () => {
		const cases = [
			{ name: 'gpt2-50257', pattern: gpt2Pattern, tokenizer: createTokenizer(filesOf(folder('gpt2-50257'))) },
			{ name: 'qwen2.5', pattern: qwenPattern, tokenizer: qwen() }
		];
		for (const { name, pattern, tokenizer } of cases) {
			const reference = new ReferenceBpe(
				JSON.parse(readFileSync(folder(`${name}/vocab.json`), 'utf8')),
				readFileSync(folder(`${name}/merges.txt`), 'utf8'),
				pattern
			);
			for (const text of randomTexts(100)) {
				const ids = tokenizer.encode(text);
				expect(ids, JSON.stringify(text)).toEqual(reference.encode(text));
				expect(tokenizer.decode(ids)).toBe(text);
			}
		}
	});

	test('known ids: GPT-2, GPT-NeoX and Qwen2.5', () => {
		const neox = createTokenizer({
			'tokenizer.json': readFileSync(folder('gpt-neox-20b/20B_tokenizer.json'))
		});
		expect(createTokenizer(filesOf(folder('gpt2-50257'))).encode('Hello world')).toEqual([15496, 995]);
		expect(neox.encode('Hello world')).toEqual([12092, 1533]);
		expect(qwen().encode('Hello, world!')).toEqual([9707, 11, 1879, 0]);
		for (const text of randomTexts(50)) expect(neox.decode(neox.encode(text))).toBe(text);
	});

	test('Qwen2.5’s own template is rendered as transformers does', () => {
		const tokenizer = qwen();
		const messages = [
			{ role: 'user', content: 'Hi' },
			{ role: 'assistant', content: 'Hello.' },
			{ role: 'user', content: 'Bye' }
		] as const;
		expect(tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true })).toBe(
			'<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' +
				'<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n' +
				'<|im_start|>assistant\n'
		);
		expect(tokenizer.eosIds).toEqual([151645]);
		expect(tokenizer.encode('<|im_end|>')).toEqual([151645]);
	});
});

const tiny = {
	added_tokens: [{ id: 3, content: '<end>', special: true }],
	pre_tokenizer: null,
	model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] }
};
const build = (
	change: (json: typeof tiny & Record<string, unknown>) => void,
	more: Partial<TokenizerFiles> = {}
) => {
	const changed = structuredClone(tiny) as typeof tiny & Record<string, unknown>;
	change(changed);
	return createTokenizer({ 'tokenizer.json': json(changed), ...more });
};

describe('a tokenizer from outside', () => {
	test('works when it is small but whole; characters without a token are left out', () => {
		const tokenizer = build(() => undefined);
		expect(tokenizer.encode('abcab<end>')).toEqual([2, 2, 3]);
		expect(tokenizer.vocabSize).toBe(4);
		expect(tokenizer.decode([])).toBe('');
		expect(tokenizer.decode([99_999])).toBe('');
		expect(tokenizer.hasChatTemplate).toBe(false);
		expect(
			tokenizer.applyChatTemplate([{ role: 'user', content: 'ab' }], { addGenerationPrompt: true })
		).toBe('ab\n');
	});

	test.each<[string, (json: typeof tiny & Record<string, unknown>) => void]>([
		['an id far outside', (t) => Object.assign(t.model.vocab, { a: 4e9 })],
		['a negative id', (t) => Object.assign(t.model.vocab, { a: -1 })],
		['a broken id', (t) => Object.assign(t.model.vocab, { a: 0.5 })],
		['two tokens with one id', (t) => Object.assign(t.model.vocab, { a: 1 })],
		['an empty vocabulary', (t) => Object.assign(t.model, { vocab: {} })],
		['a vocabulary that is a text', (t) => Object.assign(t.model, { vocab: 'abc' })],
		['no model', (t) => Object.assign(t, { model: null })],
		['an unknown kind of model', (t) => Object.assign(t.model, { type: 'Magic' })],
		['a merge of three', (t) => Object.assign(t.model, { merges: ['a b c'] })],
		['merges that are a number', (t) => Object.assign(t.model, { merges: 7 })],
		[
			'an added token far outside',
			(t) => Object.assign(t, { added_tokens: [{ id: 2 ** 31, content: 'x' }] })
		],
		['an added token without text', (t) => Object.assign(t, { added_tokens: [{ id: 4 }] })],
		['an unknown step', (t) => Object.assign(t, { pre_tokenizer: { type: 'Magic' } })],
		['a step that is a list', (t) => Object.assign(t, { decoder: [] })],
		[
			'a pattern that runs for ever',
			(t) =>
				Object.assign(t, {
					pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated' }
				})
		],
		[
			'a pattern that is none',
			(t) =>
				Object.assign(t, { pre_tokenizer: { type: 'Split', pattern: { Regex: '[a' }, behavior: 'Isolated' } })
		],
		[
			'steps nested without end',
			(t) => {
				let step: unknown = { type: 'NFC' };
				for (let i = 0; i < 500; i++) step = { type: 'Sequence', normalizers: [step] };
				Object.assign(t, { normalizer: step });
			}
		]
	])('is refused with %s', (_name, change) => {
		expect(() => build(change)).toThrow(malformed);
	});

	test('is refused when it is no JSON, no UTF-8, cut, or a list', () => {
		const whole = json(tiny);
		for (const bytes of [new Uint8Array(), Uint8Array.of(0xff, 0xfe), whole.slice(0, -5), json([1, 2])])
			expect(() => createTokenizer({ 'tokenizer.json': bytes })).toThrow(malformed);
		expect(() => build(() => undefined, { 'generation_config.json': json([]) })).toThrow(malformed);
	});

	test('never takes the worker down, whatever is changed in it', () => {
		const random = seededRandom(seed);
		const text = JSON.stringify(tiny);
		let refused = 0;
		for (let round = 0; round < 3000; round++) {
			const bytes = new TextEncoder().encode(text);
			for (let change = 0; change < 1 + random() * 3; change++)
				bytes[Math.floor(random() * bytes.length)] = 32 + Math.floor(random() * 95);
			try {
				createTokenizer({ 'tokenizer.json': bytes }).encode('ab<end>a b');
			} catch (error) {
				expect(error, `seed ${seed}, round ${round}`).toHaveProperty('code', 'tokenizer/malformed');
				refused++;
			}
		}
		expect(refused).toBeGreaterThan(100);
	});

	test('of another model is a mismatch', () => {
		const tokenizer = build(() => undefined);
		const mismatch = expect.objectContaining({ code: 'tokenizer/mismatch' });
		expect(() => requireTokenizerFits(tokenizer, 4)).not.toThrow();
		expect(() => requireTokenizerFits(tokenizer, 128)).not.toThrow();
		expect(() => requireTokenizerFits(tokenizer, 3)).toThrow(mismatch);
		const far = build(() => undefined, { 'generation_config.json': json({ eos_token_id: 50 }) });
		expect(() => requireTokenizerFits(far, 4)).toThrow(mismatch);
	});
});
