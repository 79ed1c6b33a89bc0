import { readFileSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { readRepo, type HubServer, type RepoFiles } from '#test/support/hub-server.ts';
import { App } from './app.ts';
import { startHub } from './hub.ts';

const weights = 'adapter_model.safetensors';

/** The example adapter with another alpha, so that it is one this device does not have; without a manifest, as PEFT writes it. */
function stranger(): RepoFiles {
	const { 'adapter_config.json': config, [weights]: matrices } = readRepo('static/adapters/anatomy');
	const text = String(Buffer.from(config ?? [])).replace(/"lora_alpha": \d+/, '"lora_alpha": 24');
	return { 'adapter_config.json': Buffer.from(text), [weights]: matrices ?? new Uint8Array() };
}

async function open(fragment: string, hub?: HubServer): Promise<App> {
	return App.open({ path: `/a#${fragment}`, ...(hub && { preferences: { hubUrl: hub.url } }) });
}

test('a link made here opens elsewhere on the same adapter: shown first, fetched when asked for, ready to be asked', async () => {
	const hub = await startHub({ 'ada/heart': stranger() });
	const { page } = await open('ada/heart', hub);
	await page.getByRole('heading', { name: 'heart' }).waitFor();
	await page.getByText('The link does not say which adapter this must be').waitFor();
	expect(hub.requests.some(({ path }) => path.endsWith(weights))).toBe(false);
	await page.getByRole('button', { name: /^Add it, 1\.\d MB/ }).click();
	await page.getByRole('button', { name: 'Ask it something' }).waitFor();

	await page.goto(new URL('/adapters', page.url()).href);
	await page.getByRole('button', { name: 'More about heart' }).click();
	await page.getByRole('menuitem', { name: 'Share a link' }).click();
	const link = await page.getByRole('dialog').locator('code').innerText();
	expect(link).toMatch(/\/a#from=ada%2Fheart%40[0-9a-f]{40}&id=[0-9a-f]{64}$/);

	const other = await open(link.slice(link.indexOf('#') + 1), hub);
	await other.page.getByRole('heading', { name: 'heart' }).waitFor();
	expect(await other.page.getByText('The link does not say').count()).toBe(0);
	await other.page.getByRole('button', { name: /^Add it/ }).click();
	await other.page.getByRole('button', { name: 'Ask it something' }).click();
	await other.page.getByRole('button', { name: 'Adapter: heart' }).waitFor();
	await other.ask('What is the heart?');
	await other.settled();
	expect(await other.text()).not.toBe('');
});

test('an example adapter is shared from where the app is served, and is known again', async () => {
	const { page } = await App.open({ path: '/adapters' });
	await page.getByRole('button', { name: 'More about Anatomy' }).click();
	await page.getByRole('menuitem', { name: 'Share a link' }).click();
	const link = await page.getByRole('dialog').locator('code').innerText();
	await page.getByRole('dialog').getByRole('img', { name: 'The link as a QR code' }).waitFor();
	expect(decodeURIComponent(link)).toContain(`${inject('appUrl')}/adapters/anatomy/`);
	const { page: other } = await open(link.slice(link.indexOf('#') + 1));
	await other.getByRole('heading', { name: 'Anatomy', exact: true }).waitFor();
	await other.getByText('openledger/nano, the one that is loaded').waitFor();
	await other.getByRole('button', { name: 'Ask it something' }).waitFor();
});

test('what does not match is refused and not kept; a link that is none says what would be one', async () => {
	const hub = await startHub({ 'ada/heart': stranger(), 'ada/anatomy': readRepo('static/adapters/anatomy') });
	const { page } = await open(`from=ada/heart&id=${'0'.repeat(64)}`, hub);
	await page.getByRole('button', { name: /^Add it/ }).click();
	await page.getByText('What came is not the adapter that was offered').waitFor();
	await page.goto(new URL('/adapters', page.url()).href);
	await page.getByRole('button', { name: 'Use Anatomy' }).waitFor();
	expect(await page.getByRole('button', { name: 'More about heart' }).count()).toBe(0);

	const manifest = JSON.parse(readFileSync('static/adapters/anatomy/openledger.json', 'utf8')) as {
		name: string;
	};
	expect(manifest.name).toBe('Anatomy');
	const second = await open(`from=ada/anatomy&id=${'0'.repeat(64)}`, hub);
	await second.page.getByText('The source holds another adapter than the link names').waitFor();
	expect(hub.requests.filter(({ path }) => path === `/ada/anatomy/resolve/main/${weights}`)).toHaveLength(0);

	const third = await open('javascript://x', hub);
	await third.page.getByText('This is no link to an adapter').waitFor();
	await third.page.getByRole('textbox', { name: 'Link, repository or folder' }).fill('ada/heart');
	await third.page.getByRole('button', { name: 'Look at it' }).click();
	await third.page.getByRole('heading', { name: 'heart' }).waitFor();
});
