import type { ExportFormat } from '../api.ts';
import { bundleRecords, bundleStream, type BundleOptions } from '../bundle/write.ts';
import { rowsIn } from '../export/rows.ts';
import { writeTable } from '../export/tables.ts';
import type { Session } from '../session.ts';
import { summarise } from '../search/summary.ts';
import type { DatanetRecord } from '../store/schema.ts';

/** A file of the rows in the given slots; bundle and CAR carry signatures and versions too. */
export async function exportFile(
	session: Session,
	format: ExportFormat,
	options: Omit<BundleOptions, 'purpose'>,
	onRows: (done: number) => void
): Promise<File> {
	const datanet = await session.refresh();
	const name = fileName(datanet.name);
	if (format === 'bundle') return new File([await bundleOf(session, options)], `${name}.datanet`);
	if (format === 'car') {
		const { carOf } = await import('#workers/ipfs/car.ts');
		const { car, cid } = await carOf([{ content: await bundleOf(session, options) }]);
		return new File([car], `${cid}.car`);
	}
	const slots = options.slots ?? session.catalogue.listed();
	return new File([await writeTable(rowsIn(session, slots, onRows), format)], `${name}.${format}`);
}

export async function bundleOf(
	session: Session,
	options: Partial<BundleOptions> & { from: string }
): Promise<Blob> {
	return new Response(bundleStream(bundleRecords(session, { purpose: 'datanet', ...options }))).blob();
}

/** Files of a dataset repository: the rows for everyone's tools, the bundle for ours, and a card. */
export async function datasetFiles(
	session: Session,
	from: string,
	onRows: (done: number) => void
): Promise<{ path: string; content: Blob }[]> {
	const datanet = await session.refresh();
	const slots = session.catalogue.listed();
	return [
		{ path: 'README.md', content: new Blob([datasetCard(session, datanet)]) },
		{
			path: 'data/train-00000-of-00001.parquet',
			content: await writeTable(rowsIn(session, slots, onRows), 'parquet')
		},
		{ path: `${fileName(datanet.name)}.datanet`, content: await bundleOf(session, { from }) }
	];
}

/** The Hub reads licence, language and size from the card's front matter (YAML; JSON strings are YAML). */
function datasetCard(session: Session, datanet: DatanetRecord): string {
	const { rows, licences, languages, contributors } = summarise(session.index, session.catalogue.listed());
	const [licence] = licences;
	const front = [
		`pretty_name: ${JSON.stringify(datanet.name)}`,
		licences.length === 1 && licence?.value
			? `license: ${JSON.stringify(licence.value.toLowerCase())}`
			: undefined,
		`language: ${JSON.stringify(languages.map((language) => language.value.slice(0, 2)).filter(Boolean))}`,
		`tags: ${JSON.stringify([...datanet.tags, 'datanet'])}`,
		'configs: [{config_name: default, data_files: [{split: train, path: "data/*.parquet"}]}]'
	];
	const lines = licences.map(
		({ value, rows: count }) => `- ${value || 'none stated'}: ${counted(count, 'row')}`
	);
	return `---\n${front.filter(Boolean).join('\n')}\n---\n# ${datanet.name}\n\n${datanet.summary}\n\n${datanet.description}\n\n## Rows\n\n${counted(rows, 'row')} by ${counted(contributors.length, 'contributor')}. Each row names its contributor, licence, source and parent, and its id is the keccak256 of them.\n\n${lines.join('\n')}\n`;
}

function counted(count: number, thing: string): string {
	return `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`;
}

function fileName(name: string): string {
	return (
		name
			.normalize('NFKD')
			.replace(/\p{M}/gu, '')
			.toLowerCase()
			.replace(/[^a-z0-9]+/g, '-')
			.replace(/^-+|-+$/g, '')
			.slice(0, 60) || 'datanet'
	);
}
