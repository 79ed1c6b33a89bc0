import { OpenLedgerError } from '#workers/errors.ts';
import { isSafePath } from '#workers/models/hub/safe-path.ts';
import { decodeAgent, encodeAgent, type Agent } from './agent.ts';

/** Where the files of an adapter are. */
export type AdapterSource =
	| { kind: 'hub'; repo: string; revision: string; folder: string }
	/** A folder that any page may read (CORS), its address with a slash at the end. */
	| { kind: 'web'; folder: string }
	/** A folder of IPFS by its CID, and a path below it ('' for itself). */
	| { kind: 'ipfs'; cid: string; folder: string };

/** What apps register to open links (html.spec.whatwg.org/#custom-handlers): behind it stands what stands behind `#` elsewhere. */
export const LINK_SCHEME = 'web+openledger';

/** What a link to an adapter says. */
export interface AdapterLink {
	source: AdapterSource;
	/** SHA-256 (hex) that the adapter must have (docs/decisions/adapters.md); absent: whatever is found is taken. */
	id?: string;
	/** The registered model that it must be: chain id, and the model's number there. */
	model?: { chain: number; id: number };
	/** What is put before its conversations. */
	agent?: Agent;
}

const repository = /^[\w.-]{1,96}\/[\w.-]{1,96}$/;
/** A page of the Hub, as it stands in the address bar or is copied from a text; what it shows of the repository does not matter. */
const hubPage = /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)(?::443)?(?:$|(?=[/?#]))([^?#]*)/i;
/** CIDv0, or v1 in base32; whether it is one is seen where it is used. */
const contentId = /^(Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{20,150})$/;
/** An agent's instructions take most of it. */
const maxLength = 16_000;

/**
 * Reads a link: the fragment of `…/a#from=…&id=…`, or what people paste: a whole link, also `web+openledger:…` (as it is, or
 * encoded as browsers hand it over), `owner/name`, `owner/name@revision`, `ipfs://CID`, the address of a repository's page, also
 * without `https://`, or of a folder. Fragments are not sent to servers.
 * @throws OpenLedgerError `link/malformed`
 */
export function parseAdapterLink(text: string): AdapterLink {
	const said = withoutScheme(text.trim());
	if (said.length > maxLength) throw malformed('it is too long');
	const fragment = fragmentOf(said);
	if (fragment === undefined) return { source: parseSource(said) };
	const fields = new URLSearchParams(fragment);
	const id = fields.get('id')?.toLowerCase();
	if (id !== undefined && !/^[0-9a-f]{64}$/.test(id)) throw malformed('its fingerprint is not one');
	const model = parseModel(fields.get('model'));
	const agent = fields.get('agent');
	return {
		source: parseSource(fields.get('from') ?? ''),
		...(id !== undefined && { id }),
		...(model && { model }),
		...(agent !== null && { agent: decodeAgent(agent) })
	};
}

/** The part of a link that says what it leads to; undefined for a source alone, as people paste it. */
export function fragmentOf(link: string): string | undefined {
	const fragment = link.slice(link.indexOf('#') + 1);
	return /(^|&)from=/.test(fragment) ? fragment : undefined;
}

/** What a `web+openledger:` address says; any other text as it is. */
function withoutScheme(text: string): string {
	if (!/^web(\+|%2B)openledger(:|%3A)/i.test(text)) return text;
	const plain = /^[^:]*%/.test(text) ? decoded(text) : text;
	return plain.slice(LINK_SCHEME.length + 1).replace(/^\/{0,2}(a\/?#)?/, '');
}

function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw malformed('its encoding is broken');
	}
}

/** The fragment, without `#`. */
export function formatAdapterLink({ source, id, model, agent }: AdapterLink): string {
	const fields = new URLSearchParams({
		from: describeSource(source),
		...(id !== undefined && { id }),
		...(model && { model: `${model.chain}:${model.id}` }),
		...(agent && { agent: encodeAgent(agent) })
	});
	return fields.toString();
}

/** `owner/name@revision/folder`, or an address: what `parseAdapterLink` takes. */
export function describeSource(source: AdapterSource): string {
	if (source.kind === 'web') return source.folder;
	if (source.kind === 'ipfs') return `ipfs://${source.cid}${source.folder && `/${source.folder}`}`;
	return `${source.repo}@${source.revision}${source.folder && `/${source.folder}`}`;
}

function parseModel(text: string | null): AdapterLink['model'] {
	if (text === null) return undefined;
	const [, chain, id] = /^(\d{1,15}):(\d{1,9})$/.exec(text) ?? [];
	if (!chain || !id) throw malformed('the model that it names is none');
	return { chain: Number(chain), id: Number(id) };
}

function parseSource(said: string): AdapterSource {
	const text = said.trim();
	const page = hubPage.exec(text)?.[1];
	if (page !== undefined) return parseHubPage(page);
	// Before URL has made it lower case.
	if (/^ipfs:\/\//i.test(text)) return ipfsSource(text.slice('ipfs://'.length));
	if (contentId.test(text)) return ipfsSource(text);
	if (/^[a-z][\w+.-]*:\/\//i.test(text)) return parseAddress(text);
	// Of pull requests and the like: refs/pr/1.
	const [, repo = '', revision = 'main', folder = ''] =
		/^([^@]+?)(?:@(refs\/[^/]+\/[^/]+|[^/]+)(?:\/(.+))?)?$/.exec(text.replace(/\/+$/, '')) ?? [];
	return hubSource(repo, revision, folder);
}

/** @param page behind the Hub's name: `/owner/name`, `/owner/name/tree/revision/folder` */
function parseHubPage(page: string): AdapterSource {
	const [owner, name, kind, revision = 'main', ...folder] = page.split('/').filter(Boolean);
	if (!owner || !name || (kind !== undefined && kind !== 'tree'))
		throw malformed('it is not the page of a repository');
	return hubSource(`${owner}/${name}`, decoded(revision), folder.map(decoded).join('/'));
}

function parseAddress(text: string): AdapterSource {
	if (!URL.canParse(text)) throw malformed('its address cannot be read');
	const url = new URL(text);
	const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
	if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
		throw malformed('its address is not https');
	if (url.username || url.password) throw malformed('its address holds a password');
	if (url.search)
		throw malformed(
			'what stands behind “?” in its address belongs to one file, not to a folder. Leave it out if the folder can be read without'
		);
	url.hash = '';
	if (!url.pathname.endsWith('/')) url.pathname += '/';
	return { kind: 'web', folder: url.href };
}

function ipfsSource(text: string): AdapterSource {
	const [cid = '', ...path] = text.split('/');
	if (!contentId.test(cid)) throw malformed('it names nothing on IPFS by its CID');
	const folder = path.filter(Boolean).join('/');
	if (folder && !isSafePath(folder)) throw malformed('its folder is not one');
	return { kind: 'ipfs', cid, folder };
}

function hubSource(repo: string, revision: string, folder: string): AdapterSource {
	if (!repository.test(repo) || repo.split('/').some((part) => /^\.+$/.test(part)))
		throw malformed('it names no repository');
	if (!/^[\w./-]{1,200}$/.test(revision)) throw malformed('its revision is not one');
	if (folder && !isSafePath(folder)) throw malformed('its folder is not one');
	return { kind: 'hub', repo, revision, folder };
}

function malformed(reason: string): OpenLedgerError {
	return new OpenLedgerError('link/malformed', `This is no link to an adapter: ${reason}.`, {
		remedy:
			'Ask for the link again, or paste the name of a repository (owner/name) or the https address of a folder.'
	});
}
