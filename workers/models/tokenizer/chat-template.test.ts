import { describe, expect, test } from 'vitest';
import { processorTime } from '#test/support/processor-time.ts';
import { fails } from '#test/support/check.ts';
import { ChatTemplate } from './chat-template.ts';

const hi = [{ role: 'user', content: 'Hi' }] as const;
const plain = { addGenerationPrompt: false };

describe('a chat template', () => {
	test('sees messages, special tokens and what is asked for', () => {
		const template = new ChatTemplate(
			"{{ bos_token }}{% for m in messages %}{{ m['role'] }}:{{ m.content | trim }};{% endfor %}" +
				'{% if add_generation_prompt %}go{% endif %}{% if enable_thinking is defined and not enable_thinking %}!{% endif %}',
			{ bos_token: '<s>' }
		);
		expect(template.render(hi, { addGenerationPrompt: true })).toBe('<s>user:Hi;go');
		expect(template.render(hi, { ...plain, enableThinking: false })).toBe('<s>user:Hi;!');
		expect(template.render(hi, { ...plain, enableThinking: true })).toBe('<s>user:Hi;');
	});

	test('has today’s date in English', () => {
		const text = new ChatTemplate("{{ strftime_now('%d %b %Y') }}").render(hi, plain);
		expect(text).toMatch(/^\d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}$/);
	});

	test('can refuse a conversation, and says why', async () => {
		const template = new ChatTemplate("{{ raise_exception('roles must alternate') }}");
		const error = await fails(() => template.render(hi, plain), 'prompt/refused');
		expect(error.message).toContain('roles must alternate');
	});

	test('renders a thousand turns', () => {
		const many = Array.from({ length: 1000 }, (_, i) => ({
			role: i % 2 ? ('assistant' as const) : ('user' as const),
			content: 'word '.repeat(100)
		}));
		const template = new ChatTemplate('{% for m in messages %}{{ m.role + m.content }}{% endfor %}');
		expect(template.render(many, plain).length).toBeGreaterThan(500_000);
	});

	test.each([
		['has no end', '{% for m in messages %}'],
		['calls what is not there', '{{ nothing() }}'],
		['counts for ever', '{% for i in range(1000000000) %}x{% endfor %}'],
		['counts down for ever', '{% for i in range(0, -1000000000, -1) %}x{% endfor %}'],
		['counts in steps of nothing', '{% for i in range(0, 9, 0) %}x{% endfor %}'],
		['nests loops', `${'{% for i in range(999) %}'.repeat(5)}x${'{% endfor %}'.repeat(5)}`],
		[
			'doubles a text',
			`{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`
		],
		[
			'doubles a list',
			`{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`
		],
		['calls itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
		['indents without end', "{{ 'a' | indent(1000000000, true) }}"],
		['is nested without end', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
		['is endless', `{{ ${'1 + '.repeat(200_000)}1 }}`]
	])('that %s is an error, soon', async (_name, source) => {
		const started = processorTime();
		await fails(() => new ChatTemplate(source).render(hi, plain), 'tokenizer/malformed');
		expect(processorTime() - started).toBeLessThan(8000);
	});

	test('reaches nothing outside itself', () => {
		for (const name of ['constructor', '__proto__', 'globalThis', 'self', 'process'])
			for (const source of [`{{ ${name} }}`, `{{ messages.${name} }}`, `{{ messages[0]['${name}'] }}`]) {
				let text = '';
				try {
					text = new ChatTemplate(source).render(hi, plain);
				} catch (error) {
					expect(error).toHaveProperty('code', 'tokenizer/malformed');
				}
				expect(text).toBe('');
			}
	});
});
