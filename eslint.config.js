import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

export default ts.config(
	{ ignores: ['build/', '.svelte-kit/', '.cache/'] },
	...ts.configs.recommended,
	...ts.configs.stylistic,
	...svelte.configs.recommended,
	{
		languageOptions: { globals: { ...globals.browser, ...globals.worker, ...globals.node } },
		rules: {
			'@typescript-eslint/no-explicit-any': 'error',
			'@typescript-eslint/no-non-null-assertion': 'error',
			'@typescript-eslint/consistent-type-definitions': 'off',
			// `const { left, out, ...kept } = record` is how a field is left out.
			'@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
			'svelte/no-navigation-without-resolve': 'off',
			// It cannot tell a local Map or Date from state; state that must react is a SvelteMap or a rune here.
			'svelte/prefer-svelte-reactivity': 'off'
		}
	},
	{
		files: ['**/*.svelte', '**/*.svelte.ts'],
		languageOptions: { parserOptions: { parser: ts.parser } }
	},
	{
		// The computing half knows nothing of the page, so that it also runs in Node.
		files: ['workers/**/*.ts'],
		rules: {
			'no-restricted-imports': [
				'error',
				{ patterns: ['$lib/*', '**/src/**', 'svelte', 'svelte/*', '@wagmi/*'] }
			],
			'no-restricted-globals': ['error', 'window', 'document', 'localStorage']
		}
	},
	{
		files: ['src/lib/ui/**'],
		rules: { 'no-restricted-imports': ['error', { patterns: ['$lib/!(ui)/**', '#workers/*'] }] }
	}
);
