import { crc32, deflateRawSync } from 'node:zlib';

/** A ZIP archive of the given entries, as a word processor would write it. */
export function zip(entries: Record<string, string | Uint8Array>): Uint8Array<ArrayBuffer> {
	const parts: Buffer[] = [];
	const directory: Buffer[] = [];
	let offset = 0;
	for (const [name, content] of Object.entries(entries)) {
		const bytes = Buffer.from(content as string);
		const packed = deflateRawSync(bytes);
		const head = Buffer.alloc(30);
		head.writeUInt32LE(0x04034b50, 0);
		head.writeUInt16LE(20, 4);
		head.writeUInt16LE(8, 8);
		head.writeUInt32LE(crc32(bytes), 14);
		head.writeUInt32LE(packed.length, 18);
		head.writeUInt32LE(bytes.length, 22);
		head.writeUInt16LE(name.length, 26);
		const entry = Buffer.alloc(46);
		entry.writeUInt32LE(0x02014b50, 0);
		head.copy(entry, 6, 4, 30);
		entry.writeUInt32LE(offset, 42);
		parts.push(head, Buffer.from(name), packed);
		directory.push(entry, Buffer.from(name));
		offset += 30 + name.length + packed.length;
	}
	const end = Buffer.alloc(22);
	end.writeUInt32LE(0x06054b50, 0);
	end.writeUInt16LE(Object.keys(entries).length, 8);
	end.writeUInt16LE(Object.keys(entries).length, 10);
	end.writeUInt32LE(Buffer.concat(directory).length, 12);
	end.writeUInt32LE(offset, 16);
	return new Uint8Array(Buffer.concat([...parts, ...directory, end]));
}

/** A Word document of paragraphs: [style, text], style `Heading1`, `ListParagraph`, … or empty. */
export function docx(paragraphs: [style: string, text: string][]): Uint8Array<ArrayBuffer> {
	const w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
	const body = paragraphs.map(([style, text]) => {
		const properties = style ? `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>` : '';
		return `<w:p>${properties}<w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
	});
	const styles = [1, 2].map(
		(level) =>
			`<w:style w:type="paragraph" w:styleId="Heading${level}"><w:name w:val="heading ${level}"/></w:style>`
	);
	const relation = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
	const relations = (target: string, type: string) =>
		`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="${relation}/${type}" Target="${target}"/></Relationships>`;
	return zip({
		'[Content_Types].xml':
			'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
		'_rels/.rels': relations('word/document.xml', 'officeDocument'),
		'word/_rels/document.xml.rels': relations('styles.xml', 'styles'),
		'word/styles.xml': `<w:styles ${w}>${styles.join('')}</w:styles>`,
		'word/document.xml': `<w:document ${w}><w:body>${body.join('')}</w:body></w:document>`
	});
}
