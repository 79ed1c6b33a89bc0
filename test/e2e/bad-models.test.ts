import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { App } from './app.ts';
import { GRAPH, nanoRepo, startHub } from './hub.ts';

const repo = 'someone/tiny';
const row = (app: App, of = repo) => app.page.getByRole('listitem').filter({ hasText: `From ${of}.` });
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const nano = (file: string) => JSON.parse(readFileSync(`static/models/nano/${file}`, 'utf8')) as object;

/** After whatever went wrong: what was stored is there, and the bundled model answers. */
async function stillWorks(app: App): Promise<void> {
	await app.page.goto(new URL('/settings', app.page.url()).href);
	await app.page.getByRole('row', { name: /^Nano model 5\.\d MB/ }).waitFor();
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.replies.first().innerText()).toMatch(/^Nano/);
	expect(await app.text()).not.toBe('');
}

/** A base with a vocabulary far larger than its model's. */
function tooManyWords(): Uint8Array<ArrayBuffer> {
	const tokenizer = nano('tokenizer.json') as { model: { vocab: Record<string, number> } };
	for (let i = 0; i < 5000; i++) tokenizer.model.vocab[`<filler ${i}>`] = 4096 + i;
	return json(tokenizer);
}

test('a corrupt ONNX file, a tokenizer that does not match, one that is none, and a model larger than memory say so one after another, and nothing else is harmed', async () => {
	const whole = nanoRepo();
	const graph = whole[GRAPH] ?? new Uint8Array();
	const hub = await startHub({
		'someone/cut': { ...whole, [GRAPH]: graph.subarray(0, graph.length / 2) },
		'someone/wordy': nanoRepo({ 'tokenizer.json': tooManyWords() }),
		'someone/mute': nanoRepo({ 'tokenizer.json': json({ model: 'none' }) }),
		'someone/huge': nanoRepo({
			// Keys and values of 4,096 tokens alone take 43 GB.
			'config.json': json({
				...nano('config.json'),
				hidden_size: 8192,
				num_attention_heads: 64,
				num_key_value_heads: 64,
				head_dim: 128,
				num_hidden_layers: 80,
				max_position_embeddings: 8192
			})
		})
	});
	const app = await App.open({
		path: '/adapters',
		preferences: { hubUrl: hub.url, reply: { maxNewTokens: 8 } }
	});
	await app.page.getByText('In use').waitFor();
	/** Fetches a repository's model, and gives what is said about it. */
	const refusalOf = async (name: string) => {
		const refused = `someone/${name}`;
		await app.lookUp(refused);
		if (name === 'huge')
			await row(app, refused)
				.getByText(/It needs about \d+(\.\d)? GB of memory/)
				.waitFor();
		await app.page.getByRole('button', { name: `Download ${name}` }).click();
		const alert = row(app, refused).getByRole('alert');
		await alert.waitFor();
		return alert.innerText();
	};
	expect(await refusalOf('cut')).toMatch(/ONNX/);
	expect(await refusalOf('wordy')).toMatch(/tokenizer/i);
	expect(await refusalOf('mute')).toMatch(/tokenizer/i);
	expect(await refusalOf('huge')).toMatch(/needs about \d+(\.\d)? GB of memory[\s\S]*smaller model/);
	// Before a byte of it is fetched.
	expect(hub.requests.filter(({ path }) => path.includes('huge') && path.endsWith(GRAPH))).toEqual([]);
	expect(hub.requests.filter(({ path }) => path.includes('mute') && path.endsWith(GRAPH))).not.toEqual([]);
	await stillWorks(app);
}, 180_000);

test('a repository that is not there (404), one without ONNX files, and a Hub that is down say so', async () => {
	const hub = await startHub({ 'someone/texts': { 'README.md': json('nothing here') } });
	const app = await App.open({
		path: '/adapters',
		preferences: { hubUrl: hub.url, reply: { maxNewTokens: 8 } }
	});
	const said = async (name: string) => {
		await app.lookUp(name);
		const alert = app.page.getByRole('region', { name: 'Models' }).getByRole('alert');
		await alert.waitFor({ timeout: 100_000 });
		const text = await alert.innerText();
		await alert.getByRole('button', { name: 'Dismiss' }).click();
		return text;
	};
	expect(await said('someone/missing')).toMatch(/no such model or file[\s\S]*Check the name/);
	expect(await said('someone/texts')).toMatch(/no ONNX decoder|no config\.json/);
	await hub.close();
	expect(await said('someone/texts')).toMatch(/does not answer[\s\S]*Check the connection/);
	await stillWorks(app);
}, 180_000);

test('a file that vanished (404 in the middle) says so, and the download can be taken up later', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	hub.fault({ path: GRAPH, kind: 'status', status: 404 });
	const app = await App.open({ path: '/adapters', preferences: { hubUrl: hub.url } });
	await app.lookUp(repo);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	const alert = row(app).getByRole('alert');
	await alert.getByText('The source has no such model or file.').waitFor();
	expect(await alert.innerText()).toContain('Check the name and the revision.');
	await alert.getByRole('button', { name: 'Try again' }).click();
	await app.page.getByText('tiny is ready.').waitFor();
});

test('a full disk says how much room is missing; what has arrived is kept, and goes on once there is room', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	const app = await App.open({
		path: '/adapters',
		preferences: { hubUrl: hub.url, reply: { maxNewTokens: 8 } }
	});
	await app.page.getByText('In use').waitFor();
	await app.lookUp(repo);
	const session = await app.context.newCDPSession(app.page);
	const { origin } = new URL(app.page.url());
	const used = await app.page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
	await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: used + 2_000_000 });
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	const alert = row(app).getByRole('alert');
	await alert.waitFor();
	expect(await alert.innerText()).toMatch(/no room left[\s\S]*Delete models/);
	// The chat goes on meanwhile.
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.page.getByRole('button', { name: 'Use Nano instead' }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.replies.first().innerText()).toMatch(/^Nano/);

	await session.send('Storage.overrideQuotaForOrigin', { origin });
	await app.page.getByRole('link', { name: 'Models & adapters' }).click();
	await app.lookUp(repo);
	await app.page.getByRole('button', { name: /^(Resume d|D)ownload tiny/ }).click();
	await app.page.getByText('tiny is ready.').waitFor();
});
