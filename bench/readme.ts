import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { targets, type Target } from './targets.ts';

const root = new URL('..', import.meta.url);
const start = '<!-- figures: made by `npm run bench -- NAME --save` -->';
const end = '<!-- /figures -->';

function lookUp(result: unknown, path: string): unknown {
	return path
		.split('.')
		.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], result);
}

function format(value: number): string {
	return Number.isInteger(value)
		? value.toLocaleString('en')
		: Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 12 });
}

function row(target: Target, value: number): string {
	const goal =
		target.atLeast === undefined ? `≤ ${format(target.atMost ?? NaN)}` : `≥ ${format(target.atLeast)}`;
	const reached = target.atLeast === undefined ? value <= (target.atMost ?? NaN) : value >= target.atLeast;
	return `| ${target.label} | **${format(value)}** ${target.unit} | ${goal} ${reached ? '✓' : '✗'} | ${target.anchor} |`;
}

/** The README's table of figures: one row for each target that has a saved result. */
export function figuresTable(): string {
	const rows = targets.flatMap((target) => {
		const file = new URL(`bench/results/${target.bench}.json`, root);
		if (!existsSync(file)) return [];
		const value = lookUp(JSON.parse(readFileSync(file, 'utf8')), target.key);
		return typeof value === 'number' ? [row(target, value)] : [];
	});
	return ['| figure | measured | goal | anchor |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** README.md with its table made anew. Throws when the markers are gone. */
export function renderReadme(): string {
	const text = readFileSync(new URL('README.md', root), 'utf8');
	const [from, to] = [text.indexOf(start), text.indexOf(end)];
	if (from < 0 || to < from) throw new Error('README.md has lost the markers of its table of figures.');
	return `${text.slice(0, from + start.length)}\n\n${figuresTable()}\n\n${text.slice(to)}`;
}

export function updateReadme(): void {
	writeFileSync(new URL('README.md', root), renderReadme());
}
