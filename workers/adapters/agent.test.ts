import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkDatanets, decodeAgent, encodeAgent, type Agent } from './agent.ts';
import { formatAdapterLink, parseAdapterLink } from './link.ts';
import { parseManifest } from './manifest.ts';

const agent: Agent = {
	name: 'Dr. Bone 🦴',
	instructions: 'Answer as a patient teacher of anatomy.\nNever diagnose.',
	author: 'Ada',
	datanets: [{ name: 'Anatomy', sha256: 'd6'.repeat(32) }]
};

test('an agent travels in the link of its adapter', () => {
	const source = { kind: 'hub' as const, repo: 'ada/heart', revision: 'main', folder: '' };
	const link = { source, id: 'ab'.repeat(32), agent };
	expect(parseAdapterLink(formatAdapterLink(link))).toEqual(link);
	expect(formatAdapterLink(link)).toMatch(/^[\w.%&=-]+$/);
});

test.each([
	'',
	'!!!',
	encodeAgent({ ...agent, instructions: ' ' }),
	encodeAgent({ ...agent, instructions: 'x'.repeat(2001) }),
	encodeAgent({ ...agent, name: 5 as unknown as string }),
	encodeAgent({ ...agent, name: 'Dr.\nBone' }),
	encodeAgent({ ...agent, author: '\u202eada' }),
	encodeAgent({ ...agent, datanets: [{ name: 'x', root: 'javascript:' }] }),
	encodeAgent({ ...agent, datanets: Array.from({ length: 21 }, () => ({ name: 'x' })) }),
	btoa('{"name":"a","name":"b","instructions":"c"}'),
	btoa('[]')
])('what is no agent is refused (%#)', (text) => {
	expect(() => decodeAgent(text)).toThrow(expect.objectContaining({ code: 'link/malformed' }));
});

test('an adapter that was made of anything else than is allowed is refused', () => {
	const manifest = parseManifest(readFileSync('static/adapters/anatomy/openledger.json'));
	const [{ name, sha256 } = { name: '' }] = manifest.datanets;
	const allow =
		(...datanets: NonNullable<Agent['datanets']>) =>
		() =>
			checkDatanets({ ...agent, datanets }, manifest);
	const mismatch = expect.objectContaining({ code: 'adapter/mismatch' }) as Error;
	expect(allow({ name, sha256 })).not.toThrow();
	expect(allow({ name: 'other' }, { name })).not.toThrow();
	expect(allow({ name, sha256: '0'.repeat(64) })).toThrow(mismatch);
	expect(allow({ name: 'other' })).toThrow(mismatch);
	expect(allow()).toThrow(mismatch);
	expect(() => checkDatanets(agent, undefined)).toThrow(mismatch);
	const bound = { ...agent, datanets: [{ name, sha256 }] };
	expect(() => checkDatanets(bound, { ...manifest, datanets: [] })).toThrow(
		/does not say what it was made of/
	);
	const parent = { sha256: '0'.repeat(64), name: 'Before', datanets: [{ name: 'Gossip', rows: 3 }] };
	const continued = { ...manifest, lineage: [parent] };
	expect(() => checkDatanets(bound, continued)).toThrow(/“Gossip” too/);
	expect(() =>
		checkDatanets({ ...bound, datanets: [...bound.datanets, { name: 'Gossip' }] }, continued)
	).not.toThrow();
	expect(() => checkDatanets({ ...agent, datanets: undefined }, undefined)).not.toThrow();
});
