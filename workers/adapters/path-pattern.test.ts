import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { pathPattern } from './path-pattern.ts';

const paths = [
	'model.layers.0.self_attn.q_proj',
	'model.layers.11.mlp.down_proj',
	'model.visual.blocks.3.attn.qkv',
	'transformer.h.2.attn.c_attn',
	'lm_head',
	'a',
	''
];

const matches = (source: string, path: string, whole = true) =>
	pathPattern(source, { whole })(path, { steps: 1e6 });

describe('module path patterns', () => {
	it.each([
		String.raw`.*\.(q_proj|v_proj)`,
		String.raw`model\.layers\.\d+\.(self_attn|mlp)\.(?:down|up|q)_proj`,
		String.raw`(?:.*?(?:language|model).*?(?:self_attn|attn|mlp).*?(?:q_proj|down_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.x)`,
		String.raw`^(?!.*visual).*(?:attn|mlp)\..*`,
		String.raw`.*[^b-r5]`,
		String.raw`(?=model).*\.\d{1,2}\..*`,
		String.raw`(?P<name>model|transformer)[.](\w+)[.].*`,
		String.raw`.*\Bead$`,
		String.raw`[]a.\-]*|.{7}`,
		String.raw`(a|b?)*`,
		''
	])('matches %s as JavaScript does', (source) => {
		const js = source.replace('?P<', '?<').replace('[]', '[\\]');
		for (const path of paths) {
			expect([path, matches(source, path)]).toEqual([path, new RegExp(`^(?:${js})$`, 's').test(path)]);
			expect([path, matches(source, path, false)]).toEqual([path, new RegExp(`^(?:${js})`, 's').test(path)]);
		}
	});

	it('agrees with JavaScript on 20,000 random patterns and texts', () => {
		const seed = 41;
		const random = seededRandom(seed);
		const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
		const make = (depth: number): string => {
			const kind = depth > 3 ? 0 : Math.floor(random() * 7);
			if (kind <= 1) return pick(['a', 'b', '.', '[ab]', '[^a]', '\\d', '1', '$', '^', '\\b']);
			if (kind === 2) return make(depth + 1) + make(depth + 1);
			if (kind === 3) return `(${make(depth + 1)}|${make(depth + 1)})`;
			if (kind === 4)
				return `(?:${make(depth + 1)})${pick(['*', '+', '?', '{2}', '{1,2}', '{0,3}', '*?', '{2,}'])}`;
			if (kind === 5) return `(${pick(['?=', '?!', '?:'])}${make(depth + 1)})`;
			return make(depth + 1) + make(depth + 1) + make(depth + 1);
		};
		let positive = 0;
		for (let i = 0; i < 20_000; i++) {
			const source = make(0);
			const text = Array.from({ length: Math.floor(random() * 6) }, () => pick(['a', 'b', '1', '-'])).join(
				''
			);
			const expected = new RegExp(`^(?:${source})$`, 's').test(text);
			const found = matches(source, text);
			if (found !== expected) expect.fail(`seed ${seed}: /${source}/ on "${text}" should be ${expected}`);
			if (found) positive++;
		}
		expect(positive).toBeGreaterThan(2_000);
	});

	it('answers at once where a backtracking engine would run for ever', () => {
		const text = 'a'.repeat(300) + '!';
		for (const source of ['(a+)+', '(a|a)*b', '(a*)*(a*)*(a*)*b', `${'.*'.repeat(50)}b`, '((((a+)+)+)+)+b'])
			expect(matches(source, text)).toBe(false);
	});

	it('stops with a typed error when the steps are used up', () => {
		expect(() => pathPattern('(a+)+', { whole: true })('a'.repeat(100), { steps: 50 })).toThrow(
			expect.objectContaining({ code: 'adapter/unsupported' })
		);
	});

	it.each([
		'(',
		')',
		'a)',
		'[a',
		'\\',
		'*',
		'a**',
		'a{2}{3}',
		'a*+',
		'(?<=a)b',
		'(?i)a',
		'(a)\\1',
		'[b-a]',
		'[a-\\d]',
		'\\q',
		'('.repeat(99),
		'a'.repeat(3000)
	])('refuses %s', (source) => {
		expect(() => pathPattern(source, { whole: true })).toThrow(
			expect.objectContaining({ code: 'adapter/unsupported' })
		);
	});
});
