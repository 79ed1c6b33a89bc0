import { OpenLedgerError } from '../../errors.ts';
import type { Block } from './blocks.ts';

/** A line of text on a page; sizes in PDF units (1/72 inch). */
interface Line {
	text: string;
	size: number;
	top: number;
}

/**
 * Paragraphs and headings of a PDF, page by page. A PDF knows neither: lines closer than usual are one paragraph, and a
 * short line clearly larger than the body text is a heading. Throws `import/malformed`, also for a PDF of pictures.
 */
export async function blocksOfPdf(
	file: Blob,
	onPage?: (done: number, total: number) => void
): Promise<Block[]> {
	const pdfjs = await loadPdfjs();
	const task = pdfjs.getDocument({
		data: new Uint8Array(await file.arrayBuffer()),
		isEvalSupported: false,
		disableFontFace: true,
		useSystemFonts: false,
		verbosity: 0
	});
	try {
		const document = await task.promise;
		const pages: Line[][] = [];
		for (let number = 1; number <= document.numPages; number++) {
			const page = await document.getPage(number);
			const { items } = await page.getTextContent();
			pages.push(linesOf(items.filter((item) => 'str' in item)));
			page.cleanup();
			onPage?.(number, document.numPages);
		}
		const blocks = blocksOf(pages);
		if (blocks.length === 0) throw noText();
		return blocks;
	} catch (error) {
		throw OpenLedgerError.from(
			error,
			'import/malformed',
			'This PDF cannot be read.',
			'If it asks for a password, save a copy without one; otherwise export it again.'
		);
	} finally {
		await task.destroy();
	}
}

/** The worker half runs in this thread: we are in a worker already. */
async function loadPdfjs() {
	const [pdfjs, worker] = await Promise.all([
		import('pdfjs-dist/legacy/build/pdf.mjs'),
		// @ts-expect-error the package has no types for it
		import('pdfjs-dist/legacy/build/pdf.worker.mjs')
	]);
	(globalThis as { pdfjsWorker?: unknown }).pdfjsWorker = worker;
	return pdfjs;
}

interface Piece {
	str: string;
	/** Affine transform: [3] is the font's height, [4] and [5] the place. */
	transform: number[];
	height: number;
	width: number;
	hasEOL: boolean;
}

/** Pieces of one height are a line; a gap wider than a third of the font size is a space. */
function linesOf(pieces: readonly Piece[]): Line[] {
	const lines: Line[] = [];
	let line: Line | undefined;
	let right = 0;
	for (const piece of pieces) {
		const [, , , scale = 0, left = 0, top = 0] = piece.transform;
		const size = Math.abs(scale) || piece.height;
		if (piece.str !== '') {
			if (line && Math.abs(line.top - top) < Math.max(2, line.size / 2) && left >= right - size) {
				const space = left - right > size / 3 && !/\s$/.test(line.text) && !/^\s/.test(piece.str);
				line.text += (space ? ' ' : '') + piece.str;
				line.size = Math.max(line.size, size);
			} else {
				line = { text: piece.str, size, top };
				lines.push(line);
			}
			right = left + piece.width;
		}
		if (piece.hasEOL) right = Number.POSITIVE_INFINITY;
	}
	return lines.filter((candidate) => candidate.text.trim() !== '');
}

function blocksOf(pages: readonly Line[][]): Block[] {
	const sizes = pages
		.flat()
		.flatMap((line) => Array<number>(Math.ceil(line.text.length / 20)).fill(line.size));
	const body = quantile(sizes, 0.5);
	const blocks: Block[] = [];
	let paragraph = '';
	const flush = () => {
		if (paragraph.trim() !== '') blocks.push({ text: paragraph.trim() });
		paragraph = '';
	};
	for (const page of pages) {
		// The usual distance between lines: headings and paragraphs only make it larger.
		const gap = quantile(
			page.slice(1).map((line, i) => Math.abs((page[i]?.top ?? 0) - line.top)),
			0.25
		);
		page.forEach((line, i) => {
			const text = line.text.replace(/\s+/g, ' ').trim();
			if (line.size > body * 1.15 && text.length < 120) {
				flush();
				blocks.push({ heading: text, level: line.size > body * 1.6 ? 1 : 2 });
				return;
			}
			const above = page[i - 1];
			if (above && Math.abs(above.top - line.top) > gap * 1.4) flush();
			paragraph = joined(paragraph, text);
		});
		// A sentence that ends with the page ends its paragraph.
		if (/[.!?:"”»]$/.test(paragraph)) flush();
	}
	flush();
	return blocks;
}

/** Joins lines, taking back a hyphen at a line's end before a small letter. */
function joined(paragraph: string, line: string): string {
	if (paragraph === '') return line;
	return /\p{Ll}-$/u.test(paragraph) && /^\p{Ll}/u.test(line)
		? paragraph.slice(0, -1) + line
		: `${paragraph} ${line}`;
}

function quantile(values: number[], part: number): number {
	return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? 0;
}

function noText(): OpenLedgerError {
	return new OpenLedgerError('import/malformed', 'There is no text in this PDF, only pictures of it.', {
		remedy: 'Run text recognition (OCR) on it first.'
	});
}
