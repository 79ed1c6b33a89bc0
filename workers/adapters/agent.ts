import { fromBase64, toBase64 } from '#workers/datanets/bundle/base64.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { isJsonObject, parseStrictJson } from '#workers/formats/strict-json.ts';
import { inLine, type AdapterManifest } from './manifest.ts';

/**
 * An adapter with instructions, and the Datanets that it may stand on. It travels inside the adapter's link (`agent=`), so that it
 * needs no host; its replies are those of the adapter, measured and credited like them.
 */
export interface Agent {
	name: string;
	/** Go before every conversation, as the system prompt. */
	instructions: string;
	author?: string;
	/** Datanets that the adapter may be made of, each by the root of a version (0x…), the SHA-256 of its rows, or else its name; absent: any. */
	datanets?: { name: string; root?: string; sha256?: string }[];
}

export const MAX_INSTRUCTIONS = 2_000;
const MAX_DATANETS = 20;

/** What stands behind `agent=` in a link. */
export function encodeAgent(agent: Agent): string {
	const text = toBase64(new TextEncoder().encode(JSON.stringify(agent)));
	return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** @throws OpenLedgerError `link/malformed` */
export function decodeAgent(text: string): Agent {
	const bytes = fromBase64(text.replace(/-/g, '+').replace(/_/g, '/'));
	if (!bytes) throw malformed();
	let agent: unknown;
	try {
		agent = parseStrictJson(bytes, { maxDepth: 4 });
	} catch (cause) {
		throw malformed(cause);
	}
	if (!isAgent(agent)) throw malformed();
	// Fields that this version does not know do not travel on.
	const { name, instructions, author, datanets } = agent;
	return { name, instructions, ...(author !== undefined && { author }), ...(datanets && { datanets }) };
}

/**
 * Makes sure that an adapter, with those that it goes on from, stands on what its agent allows, and nothing else: then no credit
 * can go elsewhere.
 * @throws OpenLedgerError `adapter/mismatch`
 */
export function checkDatanets({ datanets }: Agent, manifest: AdapterManifest | undefined): void {
	if (!datanets) return;
	// What is packed here without a manifest gets an empty list.
	if (!manifest?.datanets.length) throw beyond('does not say what it was made of');
	const before = manifest.lineage?.flatMap((parent) => parent.datanets) ?? [];
	for (const made of [...manifest.datanets, ...before.map((each) => ({ sha256: undefined, ...each }))]) {
		const isAllowed = datanets.some((allowed) =>
			allowed.root !== undefined
				? allowed.root === made.root
				: allowed.sha256 !== undefined
					? allowed.sha256 === made.sha256
					: allowed.name === made.name
		);
		if (!isAllowed) throw beyond(`was made of “${made.name}” too`);
	}
}

function isAgent(value: unknown): value is Agent {
	if (!isJsonObject(value)) return false;
	const { name, instructions, author, datanets } = value;
	const isText = (text: unknown, most: number) =>
		typeof text === 'string' && text.trim() !== '' && text.length <= most;
	const isName = (text: unknown) => isText(text, 100) && inLine(text as string) === text;
	const hasForm = (text: unknown, form: RegExp) =>
		text === undefined || (typeof text === 'string' && form.test(text));
	return (
		isName(name) &&
		isText(instructions, MAX_INSTRUCTIONS) &&
		(author === undefined || isName(author)) &&
		(datanets === undefined ||
			(Array.isArray(datanets) &&
				datanets.length <= MAX_DATANETS &&
				datanets.every(
					(each: unknown) =>
						isJsonObject(each) &&
						isText(each.name, 200) &&
						hasForm(each.root, /^0x[0-9a-f]{64}$/) &&
						hasForm(each.sha256, /^[0-9a-f]{64}$/)
				)))
	);
}

function malformed(cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('link/malformed', 'The agent in this link is damaged.', {
		remedy: 'Copy the whole link, or ask for it again.',
		cause
	});
}

function beyond(reason: string): OpenLedgerError {
	return new OpenLedgerError(
		'adapter/mismatch',
		`This agent’s adapter ${reason}, which the agent does not allow.`,
		{
			remedy: 'Nothing was fetched. Ask whoever made the agent, or open the adapter alone.'
		}
	);
}
