import { OpenLedgerError } from '#workers/errors.ts';
import { isSafePath } from '#workers/models/hub/safe-path.ts';

/** Where the files of an adapter are. */
export type AdapterSource =
	| { kind: 'hub'; repo: string; revision: string; folder: string }
	/** A folder that any page may read (CORS), its address with a slash at the end. */
	| { kind: 'web'; folder: string };

/** What a link to an adapter says. */
export interface AdapterLink {
	source: AdapterSource;
	/** SHA-256 (hex) that the adapter must have (docs/decisions/adapters.md); absent: whatever is found is taken. */
	id?: string;
}

const repository = /^[\w.-]{1,96}\/[\w.-]{1,96}$/;
const maxLength = 2000;

/**
 * Reads a link: the fragment of `…/a#from=…&id=…`, or what people paste: a whole link, `owner/name`, `owner/name@revision`,
 * the address of a repository's page or of a folder. Fragments are not sent to servers.
 * @throws OpenLedgerError `link/malformed`
 */
export function parseAdapterLink(text: string): AdapterLink {
	const said = text.trim();
	if (said.length > maxLength) throw malformed('it is too long');
	const fragment = said.includes('#') ? said.slice(said.indexOf('#') + 1) : said;
	if (!/(^|&)from=/.test(fragment)) return { source: parseSource(said) };
	const fields = new URLSearchParams(fragment);
	const id = fields.get('id')?.toLowerCase();
	if (id !== undefined && !/^[0-9a-f]{64}$/.test(id)) throw malformed('its fingerprint is not one');
	return { source: parseSource(fields.get('from') ?? ''), ...(id !== undefined && { id }) };
}

/** The fragment, without `#`. */
export function formatAdapterLink({ source, id }: AdapterLink): string {
	const fields = new URLSearchParams({ from: describeSource(source), ...(id !== undefined && { id }) });
	return fields.toString();
}

/** `owner/name@revision/folder`, or an address: what `parseAdapterLink` takes. */
export function describeSource(source: AdapterSource): string {
	if (source.kind === 'web') return source.folder;
	return `${source.repo}@${source.revision}${source.folder && `/${source.folder}`}`;
}

function parseSource(text: string): AdapterSource {
	if (/^[a-z][\w+.-]*:\/\//i.test(text)) return parseAddress(text);
	const [, repo = '', revision = 'main', folder = ''] = /^([^@]+?)(?:@([^/]+)(?:\/(.+))?)?$/.exec(text) ?? [];
	return hubSource(repo, revision, folder);
}

function parseAddress(text: string): AdapterSource {
	if (!URL.canParse(text)) throw malformed('its address cannot be read');
	const url = new URL(text);
	// A page of the Hub: huggingface.co/owner/name, …/tree/revision/folder
	if (url.hostname === 'huggingface.co') {
		const [owner, name, kind, revision = 'main', ...folder] = url.pathname.split('/').filter(Boolean);
		if (kind !== undefined && kind !== 'tree') throw malformed('it is not the page of a repository');
		return hubSource(
			`${owner}/${name}`,
			decodeURIComponent(revision),
			folder.map(decodeURIComponent).join('/')
		);
	}
	const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
	if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
		throw malformed('its address is not https');
	if (url.username || url.password) throw malformed('its address holds a password');
	url.hash = url.search = '';
	if (!url.pathname.endsWith('/')) url.pathname += '/';
	return { kind: 'web', folder: url.href };
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
