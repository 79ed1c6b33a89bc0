import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { licenceFile, licences } from '../../.ci/licences.mjs';

const root = new URL('../../', import.meta.url).pathname;
const read = <T>(file: string) => JSON.parse(readFileSync(root + file, 'utf8')) as T;

/** Licences that let everybody use, change and pass on the app as it is. A file under the MPL stays under it, unchanged as here. */
const allowed =
	/^\(?(MIT|ISC|BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|MPL-2\.0|CC0-1\.0|CC-BY-3\.0|0BSD|Unlicense|OFL-1\.1|Zlib|GPL-3\.0-or-later)\)?$/;

describe('what the app is made of', () => {
	const list = licences(root);

	test('every package states a licence under which the app may be passed on', () => {
		expect(list.length).toBeGreaterThan(100);
		const wrong = list.filter(({ licence }) => {
			const choices = licence.split(/ or /i);
			const fits = choices.filter((choice) =>
				choice.split(/ and /i).every((one) => allowed.test(one.trim()))
			);
			// The GPL is no choice of ours; where it is one of two, the other holds.
			return fits.filter((choice) => !choice.includes('GPL-3')).length === 0;
		});
		expect(wrong.map(({ name, licence }) => `${name}: ${licence}`)).toEqual([]);
	});

	test('the file that goes with the app names each, with its text', () => {
		const text = licenceFile(list);
		for (const { name, version, licence } of list) expect(text).toContain(`${name} ${version}: ${licence}`);
		expect(text).toContain('Permission is hereby granted, free of charge');
		expect(list.map(({ name }) => name)).toEqual(
			expect.arrayContaining(['svelte', 'onnxruntime-web', 'viem', 'workbox-precaching'])
		);
	});

	test('every dependency is one exact version, from the registry, with its hash', () => {
		type Versions = Record<string, string>;
		const asked =
			read<Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Versions>>('package.json');
		const versions = { ...asked.dependencies, ...asked.devDependencies, ...asked.optionalDependencies };
		const loose = Object.entries(versions).filter(
			([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)
		);
		expect(loose).toEqual([]);
		const { packages } = read<{ packages: Record<string, LockEntry> }>('package-lock.json');
		// The lock file leaves out the address where it is the registry's (.npmrc).
		const unsure = Object.entries(packages).filter(
			([path, { resolved, integrity, inBundle, link }]) =>
				path && !inBundle && !link && !(integrity && resolved === undefined)
		);
		expect(unsure.map(([path]) => path)).toEqual([]);
	});
});

interface LockEntry {
	resolved?: string;
	integrity?: string;
	inBundle?: boolean;
	link?: boolean;
}
