declare module 'spdx-expression-parse' {
	export type Expression =
		| { license: string; plus?: true; exception?: string }
		| { left: Expression; conjunction: 'and' | 'or'; right: Expression };
	/** Throws for text that is no SPDX licence expression. */
	export default function parse(expression: string): Expression;
}
