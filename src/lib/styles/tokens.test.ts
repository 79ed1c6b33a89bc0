import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

type Rgb = [number, number, number];

const css = readFileSync(new URL('tokens.css', import.meta.url), 'utf8');
const [lightCss = '', darkCss = ''] = css.split("[data-theme='dark']");
const light = tokens(lightCss);
const dark = new Map([...light, ...tokens(darkCss)]);
const themes = [
	['light', light],
	['dark', dark]
] as const;

function tokens(source: string): Map<string, string> {
	return new Map(
		[...source.matchAll(/--([\w-]+):\s*(#[\da-f]{6});/g)].map(([, name = '', value = '']) => [name, value])
	);
}

/** sRGB to linear light (IEC 61966-2-1). */
function linear(theme: Map<string, string>, name: string): Rgb {
	const hex = theme.get(name);
	if (!hex) throw new Error(`--${name} is not a colour`);
	return [1, 3, 5].map((at) => {
		const channel = parseInt(hex.slice(at, at + 2), 16) / 255;
		return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
	}) as Rgb;
}

/** WCAG 2.2 contrast ratio. */
function contrast(theme: Map<string, string>, a: string, b: string): number {
	const [x = 0, y = 0] = [a, b].map((name) => {
		const [red, green, blue] = linear(theme, name);
		return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
	});
	return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** Dichromacy in linear light (Machado, Oliveira, Fernandes 2009, severity 1). */
const vision: Record<string, Rgb[]> = {
	'full colour vision': [
		[1, 0, 0],
		[0, 1, 0],
		[0, 0, 1]
	],
	protanopia: [
		[0.152286, 1.052583, -0.204868],
		[0.114503, 0.786281, 0.099216],
		[-0.003882, -0.048116, 1.051998]
	],
	deuteranopia: [
		[0.367322, 0.860646, -0.227968],
		[0.280085, 0.672501, 0.047413],
		[-0.01182, 0.04294, 0.968881]
	],
	tritanopia: [
		[1.255528, -0.076749, -0.178779],
		[-0.078411, 0.930809, 0.147602],
		[0.004733, 0.691367, 0.3039]
	]
};

/** Oklab (Ottosson 2020) of a colour as seen with `matrix`. */
function seen(colour: Rgb, matrix: Rgb[]): Rgb {
	const [r, g, b] = matrix.map((row) => Math.max(0, dot(row, colour))) as Rgb;
	const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
	const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
	const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
	return [
		0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
		1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
		0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s
	];
}

function dot(a: Rgb, b: Rgb): number {
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

const surfaces = ['sunken', 'paper', 'raised', 'hover', 'selected'];
const scale = ['base', ...[1, 2, 3, 4, 5, 6].map((place) => `contributor-${place}`)];

describe.each(themes)('%s theme', (_, theme) => {
	test.each(['ink', 'ink-soft', 'ink-faint'])('%s can be read on every surface (AA, 4.5:1)', (ink) => {
		for (const surface of surfaces)
			expect(contrast(theme, ink, surface), `${ink} on ${surface}`).toBeGreaterThanOrEqual(4.5);
	});

	test('signals can be read on their wash and on paper, and the main button on its ink', () => {
		for (const signal of ['danger', 'caution'])
			for (const surface of [`${signal}-wash`, 'paper', 'raised'])
				expect(contrast(theme, signal, surface), `${signal} on ${surface}`).toBeGreaterThanOrEqual(4.5);
		expect(contrast(theme, 'on-ink', 'ink')).toBeGreaterThanOrEqual(4.5);
	});

	test('frames of fields and parts of the provenance bar stand out from what is behind them (3:1)', () => {
		for (const mark of ['line-strong', 'hatch', 'focus', ...scale])
			for (const surface of ['sunken', 'paper', 'raised'])
				expect(contrast(theme, mark, surface), `${mark} on ${surface}`).toBeGreaterThanOrEqual(3);
	});

	test.each(Object.entries(vision))('provenance colours differ with %s', (_name, matrix) => {
		const colours = scale.map((name) => seen(linear(theme, name), matrix));
		for (const [place, a] of colours.entries())
			for (const [other, b] of colours.entries())
				if (other > place)
					expect(
						Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]),
						`${scale[place]}, ${scale[other]}`
					).toBeGreaterThan(0.09);
	});
});
