import { expect, test } from 'vitest';
import { formatAdapterLink, parseAdapterLink, type AdapterLink } from './link.ts';

const id = 'ab'.repeat(32);
const cid = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi';
const hub = (repo: string, revision = 'main', folder = '') => ({
	kind: 'hub' as const,
	repo,
	revision,
	folder
});

test.each<AdapterLink>([
	{ source: hub('ada/heart', 'v1.2', 'final/adapter'), id },
	{ source: hub('ada/heart') },
	{ source: { kind: 'web', folder: 'https://example.org/ad%20apters/heart/' }, id },
	{ source: { kind: 'web', folder: 'http://127.0.0.1:8080/' } },
	{ source: { kind: 'ipfs', cid, folder: '' }, id, model: { chain: 1612, id: 7 } },
	{ source: { kind: 'ipfs', cid: 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG', folder: 'a/b' } }
])('a link says again what it was made of: $source.kind', (link) => {
	expect(parseAdapterLink(formatAdapterLink(link))).toEqual(link);
	expect(parseAdapterLink(`https://app.example/a#${formatAdapterLink(link)}`)).toEqual(link);
	const address = `web+openledger:${formatAdapterLink(link)}`;
	expect(parseAdapterLink(address)).toEqual(link);
	// As a browser hands it to the page that has registered for it.
	expect(parseAdapterLink(encodeURIComponent(address))).toEqual(link);
});

test.each([
	['ada/heart', hub('ada/heart')],
	[' ada/heart@v2 ', hub('ada/heart', 'v2')],
	['ada/heart@v2/sub/folder', hub('ada/heart', 'v2', 'sub/folder')],
	['https://huggingface.co/ada/heart', hub('ada/heart')],
	['https://huggingface.co/ada/heart/tree/dev/sub', hub('ada/heart', 'dev', 'sub')],
	['web+openledger:ada/heart', hub('ada/heart')],
	['web+openledger://ada/heart@v2', hub('ada/heart', 'v2')],
	[cid, { kind: 'ipfs', cid, folder: '' }],
	[`ipfs://${cid}/sub/`, { kind: 'ipfs', cid, folder: 'sub' }],
	['ada/heart@refs/pr/1', hub('ada/heart', 'refs/pr/1')],
	['ada/heart@refs/pr/1/sub', hub('ada/heart', 'refs/pr/1', 'sub')],
	['https://huggingface.co/ada/heart/tree/refs%2Fpr%2F1', hub('ada/heart', 'refs/pr/1')],
	['https://huggingface.co/ada/heart/', hub('ada/heart')],
	['https://huggingface.co/ada/heart?library=peft#use-it', hub('ada/heart')],
	['https://hf.co/ada/heart', hub('ada/heart')],
	['http://www.huggingface.co/ada/heart', hub('ada/heart')],
	['hf.co/ada/heart', hub('ada/heart')],
	['\n HF.co/ada/Heart/ \n', hub('ada/Heart')],
	['huggingface.co/ada/heart', hub('ada/heart')],
	['huggingface.co/ada/heart/tree/dev/sub/', hub('ada/heart', 'dev', 'sub')],
	['ada/heart/', hub('ada/heart')],
	['\tada/heart@v2/sub/ ', hub('ada/heart', 'v2', 'sub')],
	['from=%20hf.co/ada/heart/%20', hub('ada/heart')],
	['https://hf.company.example/heart', { kind: 'web', folder: 'https://hf.company.example/heart/' }],
	['https://example.org/heart', { kind: 'web', folder: 'https://example.org/heart/' }]
])('people may paste %s', (text, source) => {
	expect(parseAdapterLink(text)).toEqual({ source });
});

test.each([
	'',
	'heart',
	'../heart',
	'ada/..',
	'ada/heart@v1/../../x',
	'a/b/c',
	'http://example.org/heart',
	'ftp://example.org/heart',
	'javascript://example.org/%0aalert(1)',
	'https://user:secret@example.org/',
	'https://huggingface.co/ada/heart/blob/main/x',
	'https://huggingface.co/ada',
	'https://huggingface.co/',
	'hf.co',
	'hf.co/ada',
	'huggingface.co/ada/heart/blob/main/x',
	'huggingface.co/ada/../x',
	'/ada/heart',
	'https://huggingface.co/ada/heart/tree/main/%zz',
	'https://example.org/heart?sig=abc',
	'100%',
	'from=ada/heart&id=12',
	`from=ada/heart&id=${'g'.repeat(64)}`,
	'from=&id=',
	'from=ada/heart&model=1',
	'from=ada/heart&model=0x1:2',
	'ipfs://nothing',
	`ipfs://${cid}/../x`,
	'web+openledger:javascript://x',
	'web%2Bopenledger%3A%E0%A4%A',
	'ada/heart@v 1',
	'ada/heart@v1\\2',
	`from=ada/heart&id=${id}&later=${'x'.repeat(20_000)}`
])('%s is refused with what to do', (text) => {
	expect(() => parseAdapterLink(text)).toThrow(
		expect.objectContaining({ code: 'link/malformed', remedy: expect.stringContaining('https') as string })
	);
});
