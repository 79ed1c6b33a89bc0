import { sha256Hex } from '#workers/models/store/hash.ts';
import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE } from './lora-adapter.ts';
import { formatManifest, parseManifest, type AdapterManifest } from './manifest.ts';

/** What an adapter without a manifest is described by. */
export interface Description {
	name: string;
	author?: string;
	licence?: string;
	/** The base that it fits: its name, and the SHA-256 (hex) of each file of its weights. */
	base: { id: string; sha256: readonly string[] };
}

export interface AdapterPackage {
	files: { path: string; content: Blob }[];
	manifest: AdapterManifest;
	/** SHA-256 (hex) of openledger.json: what a registry names it by. */
	manifestHash: string;
}

/**
 * What is published of an adapter: its files, a manifest if it had none, and a card.
 * @param files as `exportAdapter` gives them
 * @throws OpenLedgerError `adapter/malformed`
 */
export async function packAdapter(files: readonly File[], described: Description): Promise<AdapterPackage> {
	const find = (name: string) => files.find((file) => file.name === name);
	const text = (await find(MANIFEST_FILE)?.text()) ?? formatManifest(await describe(find, described));
	const manifest = parseManifest(text);
	const written = new File([text], MANIFEST_FILE);
	const card = new File([cardOf(manifest)], 'README.md');
	const others = files.filter(({ name }) => name !== MANIFEST_FILE);
	return {
		files: [card, written, ...others].map((file) => ({ path: file.name, content: file })),
		manifest,
		manifestHash: await sha256Hex(new TextEncoder().encode(text))
	};
}

async function describe(
	find: (name: string) => File | undefined,
	{ name, author, licence, base }: Description
): Promise<AdapterManifest> {
	const hashOf = async (file: string) =>
		sha256Hex(new Uint8Array((await find(file)?.arrayBuffer()) ?? new ArrayBuffer()));
	return {
		format: 'openledger-adapter/1',
		name,
		author,
		licence,
		base: { id: base.id, sha256: [...base.sha256] },
		files: { [CONFIG_FILE]: await hashOf(CONFIG_FILE), [WEIGHTS_FILE]: await hashOf(WEIGHTS_FILE) },
		datanets: [],
		hyperparameters: {}
	};
}

/** The Hub reads licence, base and kind from the card's front matter (YAML; JSON strings are YAML). */
function cardOf({ name, description, author, licence, base, datanets, evaluation }: AdapterManifest): string {
	const front = [
		'library_name: peft',
		'tags: ["lora", "openledger"]',
		`base_model: ${JSON.stringify(base.id)}`,
		licence ? `license: ${JSON.stringify(licence.toLowerCase())}` : ''
	].filter(Boolean);
	const made = datanets.map((datanet) => `- ${line(datanet.name)}, ${datanet.rows} rows`);
	const quality = evaluation
		? `Held-out loss on ${evaluation.heldOutRows} rows: ${evaluation.lossAfter.toFixed(3)}, base ${evaluation.lossBefore.toFixed(3)} (${line(evaluation.metric)}), as its maker measured it.`
		: '';
	const parts = [
		`# ${line(name)}`,
		description ? line(description) : '',
		`A LoRA adapter in PEFT's format over \`${line(base.id).replaceAll('`', '')}\`${author ? `, by ${line(author)}` : ''}.`,
		quality,
		made.length ? `## Made of\n\n${made.join('\n')}` : '',
		'`openledger.json` says what it was made of and names every file by its SHA-256; `attribution.safetensors`, where there is one, shows whose rows moved a reply.'
	];
	return `---\n${front.join('\n')}\n---\n${parts.filter(Boolean).join('\n\n')}\n`;
}

/** Names come from anybody: one line, and no markup of its own. */
function line(text: string): string {
	return text.replace(/\s+/g, ' ').replace(/[<>[\]*_#|]/g, (mark) => `\\${mark}`);
}
