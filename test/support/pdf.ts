/** A PDF of one page a list; each line is [font size, distance from the line above, text]. */
export function pdf(pages: [size: number, gap: number, text: string][][]): Uint8Array<ArrayBuffer> {
	const objects: string[] = [];
	const add = (body: string) => objects.push(body);
	const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ');
	add('<< /Type /Catalog /Pages 2 0 R >>');
	add(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
	add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
	pages.forEach((lines, i) => {
		let top = 760;
		const draw = lines.map(([size, gap, text]) => {
			top -= gap;
			return `BT /F1 ${size} Tf 1 0 0 1 72 ${top} Tm (${text.replace(/[\\()]/g, '\\$&')}) Tj ET`;
		});
		const stream = draw.join('\n');
		add(
			`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * i} 0 R >>`
		);
		add(`<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`);
	});
	let file = '%PDF-1.4\n';
	const offsets = objects.map((body, i) => {
		const at = file.length;
		file += `${i + 1} 0 obj\n${body}\nendobj\n`;
		return at;
	});
	const start = file.length;
	file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
	file += offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
	file += `trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
	return new TextEncoder().encode(file);
}
