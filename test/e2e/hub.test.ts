import { expect, test } from 'vitest';
import { App } from './app.ts';
import { GRAPH, nanoRepo, startHub } from './hub.ts';

const repo = 'someone/tiny';
const row = (app: App) => app.page.getByRole('listitem').filter({ hasText: `From ${repo}.` });

/** The page of models, on which the repository has been looked up. */
async function openModels(hub: { url: string }): Promise<App> {
	const app = await App.open({ path: '/adapters', preferences: { hubUrl: hub.url } });
	await app.lookUp(repo);
	return app;
}

/** Starts of the ranges in which the weights were asked for. */
const starts = (hub: Awaited<ReturnType<typeof startHub>>) =>
	hub.requests
		.filter(({ path }) => path.endsWith(GRAPH))
		.map(({ range }) => Number(/\d+/.exec(range ?? '')?.[0] ?? 0));

test('a model of the Hub is fetched with bytes, speed and time left, and then answers', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	hub.fault({ path: GRAPH, kind: 'slow', bytesPerSecond: 2_000_000 });
	const app = await openModels(hub);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	await row(app)
		.getByText(/\d.* of 5\.9 MB · \d.*B\/s · \d+ s left/)
		.waitFor();
	const bar = row(app).getByRole('progressbar');
	const seen = new Set<number>();
	await expect
		.poll(async () => seen.add(Number(await bar.getAttribute('aria-valuenow').catch(() => 100))).size, {
			interval: 100,
			timeout: 10_000
		})
		.toBeGreaterThan(4);
	expect([...seen]).toEqual([...seen].sort((a, b) => a - b));
	await app.page.getByText('tiny is ready.').waitFor();
	await row(app).getByText('In use').waitFor();
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.replies.first().innerText()).toMatch(/^tiny/);
	// It is the one to begin with the next time, and nothing is fetched again.
	const fetched = hub.requests.length;
	await app.page.reload();
	await app.page.getByRole('button', { name: 'Model: tiny' }).waitFor();
	await app.ask('And a tissue?');
	await app.settled(2);
	expect(hub.requests).toHaveLength(fetched);
});

test('a download whose connection is cut goes on where it was', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	hub.fault({ path: GRAPH, kind: 'cut', after: 3_000_000 });
	const app = await openModels(hub);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	await app.page.getByText('tiny is ready.').waitFor();
	const [first, second, ...more] = starts(hub);
	expect([first, more]).toEqual([0, []]);
	expect(second).toBeGreaterThan(1_000_000);
});

test('a download that was cancelled, or whose tab was closed, is resumed by the person', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	hub.fault({ path: GRAPH, kind: 'slow', bytesPerSecond: 1_000_000, times: 2 });
	const app = await openModels(hub);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	await row(app)
		.getByText(/[2-5]\.\d MB of/)
		.waitFor();
	await row(app).getByRole('button', { name: 'Cancel' }).click();
	await row(app).getByRole('button', { name: 'Resume download tiny' }).click();
	await row(app)
		.getByText(/[3-5]\.\d MB of/)
		.waitFor();
	await app.page.close({ runBeforeUnload: false });

	const { page } = await app.tab('/adapters');
	await page.getByRole('button', { name: 'Resume download tiny' }).click();
	await page.getByText('tiny is ready.').waitFor();
	const [first, second = 0, third = 0] = starts(hub);
	expect(first).toBe(0);
	expect(second).toBeGreaterThan(1_000_000);
	expect(third).toBeGreaterThan(second);
});

test('wrong bytes are refused in words, and the chat goes on with the model there was', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	hub.fault({ path: GRAPH, kind: 'wrong-byte', at: 4_000_000, times: 2 });
	const app = await openModels(hub);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	const alert = row(app).getByRole('alert');
	await alert.waitFor();
	expect(await alert.innerText()).toMatch(/SHA-256|another file|not the/i);
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.page.getByRole('button', { name: 'Use Nano instead' }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.replies.first().innerText()).toMatch(/^Nano/);
});

test('two tabs want one model: one fetches it, the other shows how far it is and uses it too', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	hub.fault({ path: GRAPH, kind: 'slow', bytesPerSecond: 1_000_000 });
	const app = await openModels(hub);
	const other = await app.tab('/adapters');
	await other.lookUp(repo);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	await row(app)
		.getByText(/[1-5]\.\d MB of/)
		.waitFor();
	await other.page.getByRole('button', { name: /^(Download|Resume download) tiny/ }).click();
	await row(other)
		.getByText(/\d\.\d MB of 5\.9 MB/)
		.waitFor();
	for (const tab of [app, other]) await row(tab).getByText('In use').waitFor();
	expect(starts(hub)).toEqual([0]);
});
