import { OpenLedgerError } from '../../errors.ts';
import type { Block } from './blocks.ts';
import { checkZip } from './zip-guard.ts';

/** What mammoth's document model holds, as far as we read it. */
interface Element {
	type: string;
	children?: Element[];
	value?: string;
	styleName?: string | null;
	numbering?: unknown;
}

/** Paragraphs, headings and tables of a Word document. Throws `import/malformed`, `datanet/too-large`. */
export async function blocksOfDocx(file: Blob): Promise<Block[]> {
	await checkZip(file);
	const { default: mammoth } = await import('mammoth');
	const bytes = await file.arrayBuffer();
	// Node's build takes a Buffer, the browser's an ArrayBuffer.
	const input = typeof Buffer === 'undefined' ? { arrayBuffer: bytes } : { buffer: Buffer.from(bytes) };
	const blocks: Block[] = [];
	try {
		await mammoth.convertToHtml(input, {
			externalFileAccess: false,
			// The model is all we want: an empty document is handed on.
			transformDocument: (document: Element) => {
				collect(document.children ?? [], blocks);
				return { ...document, children: [] };
			}
		});
	} catch (cause) {
		throw new OpenLedgerError('import/malformed', 'This Word document cannot be read.', {
			remedy: 'Open it in a word processor, save it again and import that.',
			cause
		});
	}
	return blocks;
}

function collect(elements: readonly Element[], blocks: Block[]): void {
	let list: string[] = [];
	const endList = () => {
		if (list.length > 0) blocks.push({ text: list.join('\n') });
		list = [];
	};
	for (const element of elements) {
		const text = element.type === 'table' ? tableOf(element) : wordsOf(element).trim();
		if (element.numbering && text !== '') {
			list.push(`- ${text}`);
			continue;
		}
		endList();
		const level = headingLevel(element.styleName);
		if (text === '') continue;
		blocks.push(level === undefined ? { text } : { heading: text, level });
	}
	endList();
}

function headingLevel(style: string | null | undefined): number | undefined {
	if (/^title$/i.test(style ?? '')) return 1;
	const level = /^heading (\d)$/i.exec(style ?? '')?.[1];
	return level === undefined ? undefined : Number(level);
}

/** One line a row, cells separated by ` | `. */
function tableOf(table: Element): string {
	return (table.children ?? [])
		.map((row) => (row.children ?? []).map((cell) => wordsOf(cell).replace(/\s+/g, ' ').trim()).join(' | '))
		.join('\n');
}

function wordsOf(element: Element): string {
	if (element.type === 'text') return element.value ?? '';
	if (element.type === 'tab') return '\t';
	if (element.type === 'break') return '\n';
	const inner = (element.children ?? []).map(wordsOf).join('');
	return element.type === 'paragraph' ? `${inner}\n` : inner;
}
