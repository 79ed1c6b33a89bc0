import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peftFiles, type PeftChanges, type PeftFiles } from '#test/support/peft.ts';
import { App } from './app.ts';

const imported = (app: App) => app.page.getByRole('listitem').filter({ hasText: /Adapter [0-9a-f]{8}/ });

/** The files on a disk, as a person has them. Returns their paths. */
async function onDisk(files: Partial<PeftFiles>): Promise<string[]> {
	const folder = await mkdtemp(join(tmpdir(), 'peft-'));
	return Promise.all(
		Object.entries(files).map(async ([name, bytes]) => {
			await writeFile(join(folder, name), bytes);
			return join(folder, name);
		})
	);
}

/** The page of adapters, once it can say which ones fit. */
async function openAdapters(reply = { maxNewTokens: 8 }): Promise<App> {
	const app = await App.open({ path: '/adapters', preferences: { reply } });
	await app.page.getByText('In use').first().waitFor();
	return app;
}

async function pick(app: App, files: Partial<PeftFiles>): Promise<void> {
	const paths = await onDisk(files);
	const chooser = app.page.waitForEvent('filechooser');
	await app.page
		.getByRole('region', { name: 'Adapters' })
		.getByRole('button', { name: 'Import', exact: true })
		.click();
	await (await chooser).setFiles(paths);
}

/** Lets go of a folder with these files over the page. */
async function dropFolder(app: App, files: PeftFiles): Promise<void> {
	const zone = app.page.getByRole('group', { name: 'Drop an adapter here' });
	await zone.scrollIntoViewIfNeeded();
	const box = await zone.boundingBox();
	if (!box) throw new Error('nowhere to drop');
	// By the DevTools protocol: only a real drag carries entries of a file system.
	const session = await app.context.newCDPSession(app.page);
	const paths = await onDisk(files);
	const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
	const data = { items: [], files: [paths[0]?.replace(/\/[^/]+$/, '') ?? ''], dragOperationsMask: 1 };
	for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
		await session.send('Input.dispatchDragEvent', { type, ...at, data });
}

test('a PEFT adapter is imported by the file picker, used in a chat, and its files are given back', async () => {
	const app = await openAdapters({ maxNewTokens: 16 });
	const files = peftFiles();
	await pick(app, files);
	await app.page.getByText(/^Adapter [0-9a-f]{8} is ready to use\.$/).waitFor();
	const name = await imported(app).getByRole('heading').innerText();
	await imported(app)
		.getByRole('button', { name: `Use ${name}` })
		.click();

	const downloads: Promise<Buffer>[] = [];
	app.page.on('download', (file) => {
		downloads.push(
			(async () => {
				const parts: Buffer[] = [];
				for await (const part of await file.createReadStream()) parts.push(part as Buffer);
				return Buffer.concat(parts);
			})()
		);
	});
	await imported(app)
		.getByRole('button', { name: `More about ${name}` })
		.click();
	await app.page.getByRole('menuitem', { name: 'Save the PEFT files' }).click();
	await expect.poll(() => downloads.length, { timeout: 20_000 }).toBe(2);
	const saved = (await Promise.all(downloads)).sort((a, b) => a.length - b.length);
	expect(saved[0]?.equals(files['adapter_config.json'])).toBe(true);
	expect(saved[1]?.equals(files['adapter_model.safetensors'])).toBe(true);

	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is patella?');
	await app.settled();
	expect(await app.replies.first().innerText()).toContain(name);
});

/** What a person may bring, and what is said about it. */
const refused: [what: string, files: () => Partial<PeftFiles>, says: RegExp][] = [
	[
		'weights without their configuration',
		() => ({ 'adapter_model.safetensors': peftFiles()['adapter_model.safetensors'] }),
		/has no adapter_config\.json[\s\S]*whole folder/
	],
	[
		'a safetensors file cut off in the middle',
		() => {
			const files = peftFiles();
			const weights = files['adapter_model.safetensors'];
			return { ...files, 'adapter_model.safetensors': weights.subarray(0, weights.length / 2) };
		},
		/safetensors[\s\S]*again/i
	],
	[
		'a safetensors header that is longer than the file',
		() => {
			const files = peftFiles();
			const weights = Buffer.from(files['adapter_model.safetensors']);
			weights.writeBigUInt64LE(2n ** 60n);
			return { ...files, 'adapter_model.safetensors': weights };
		},
		/header claims 1152921504606846976 bytes/
	],
	[
		'tensors whose bytes overlap',
		() =>
			peftFiles({
				header: (header) => {
					const [first, second] = Object.values(header).filter((entry) => 'data_offsets' in entry);
					if (first && second) second['data_offsets'] = first['data_offsets'] as [number, number];
				}
			}),
		/safetensors/i
	],
	['weights with a NaN', () => peftFiles({ values: (data) => data.fill(0xff, 0, 4) }), /not finite/],
	['rank 0', () => peftFiles({ config: { r: 0 } }), /rank|\br\b/],
	['rank 4096', () => peftFiles({ config: { r: 4096 } }), /4096/],
	['DoRA', () => peftFiles({ config: { use_dora: true } }), /DoRA/],
	['trained biases', () => peftFiles({ config: { bias: 'all' } }), /bias/]
];

test('bad adapters are refused in words, each by its own reason, and nothing that was stored is harmed; then a folder that is dropped on the page is imported', async () => {
	const app = await openAdapters();
	const region = app.page.getByRole('region', { name: 'Adapters' });
	for (const [what, files, says] of refused) {
		await pick(app, files());
		const alert = region.getByRole('alert');
		await alert.waitFor();
		expect(await alert.innerText(), what).toMatch(says);
		await alert.getByRole('button', { name: 'Dismiss' }).click();
		await alert.waitFor({ state: 'detached' });
	}
	expect(await imported(app).count()).toBe(0);
	await region.getByRole('heading', { name: 'Anatomy' }).waitFor();
	await dropFolder(app, peftFiles());
	await app.page.getByText(/^Adapter [0-9a-f]{8} is ready to use\.$/).waitFor();
	expect(await imported(app).count()).toBe(1);

	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.chooseAdapter();
	await app.ask('What is patella?');
	await app.settled();
	expect(await app.text()).not.toBe('');
});

test('an adapter for another base is kept, says why it does not fit, and cannot be chosen', async () => {
	const app = await openAdapters();
	// The same tensors under the names of another architecture.
	const header: PeftChanges['header'] = (found) =>
		Object.fromEntries(
			Object.entries(found).map(([name, entry]) => [name.replace('model.layers.', 'transformer.h.'), entry])
		);
	await pick(app, peftFiles({ header }));
	await app.page.getByText(/was added; it needs another model\.$/).waitFor();
	await imported(app)
		.getByText(/which this model does not have/)
		.waitFor();
	expect(await imported(app).getByRole('button', { name: /^Use/ }).count()).toBe(0);
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.page.getByRole('button', { name: /^Adapter:/ }).click();
	const option = app.page.getByRole('option', { name: /which this model does not have/ });
	expect(await option.getAttribute('aria-disabled')).toBe('true');
});
