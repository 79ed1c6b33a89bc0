import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseManifest } from './manifest.ts';
import { packAdapter } from './package.ts';

const folder = 'static/adapters/anatomy';
const files = readdirSync(folder)
	.filter((name) => name !== 'README.md')
	.map((name) => new File([readFileSync(`${folder}/${name}`)], name));
const base = { id: 'openledger/nano', sha256: ['a'.repeat(64), 'b'.repeat(64)] };

test('what has a manifest goes out as it is, with a card; its hash is the one that registries name', async () => {
	const packed = await packAdapter(files, { name: 'other', base });
	expect(packed.files.map(({ path }) => path).sort()).toEqual(
		[...files.map(({ name }) => name), 'README.md'].sort()
	);
	expect(packed.manifest.name).toBe('Anatomy');
	const written = createHash('sha256')
		.update(readFileSync(`${folder}/openledger.json`))
		.digest('hex');
	expect(packed.manifestHash).toBe(written);
});

test('what has none gets one that names its files and the base that it fits', async () => {
	const bare = files.filter(({ name }) => name.startsWith('adapter_'));
	const packed = await packAdapter(bare, { name: 'Heart', author: 'Ada', base });
	const written = packed.files.find(({ path }) => path === 'openledger.json');
	const manifest = parseManifest((await written?.content.text()) ?? '');
	expect(manifest).toMatchObject({ name: 'Heart', author: 'Ada', base, datanets: [] });
	expect(manifest.files).toEqual(parseManifest(readFileSync(`${folder}/openledger.json`)).files);
});

test('a hostile name stays text on the card', async () => {
	const bare = files.filter(({ name }) => name.startsWith('adapter_'));
	const name = 'x --- license: mit # <script>alert(1)</script> [a](javascript:b)';
	const { files: packed } = await packAdapter(bare, { name, base: { ...base, id: '"\n- evil: 1' } });
	const card = (await packed.find(({ path }) => path === 'README.md')?.content.text()) ?? '';
	const [, front = '', body = ''] = card.split(/^---$/m);
	expect(front.trim().split('\n')).toHaveLength(3);
	expect(card.match(/^---$/gm)).toHaveLength(2);
	expect(body).not.toMatch(/(^|[^\\])<script|(^|[^\\])\[a\]/);
	await expect(packAdapter(bare, { name: 'x\n---\nlicense: mit', base })).rejects.toThrow('"name"');
});
