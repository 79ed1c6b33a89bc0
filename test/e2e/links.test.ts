import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright';
import { expect, inject, test } from 'vitest';
import type { AdapterManifest } from '#workers/adapters/manifest.ts';
import { formatAdapterLink, parseAdapterLink } from '#workers/adapters/link.ts';
import { ipfsGateway } from '#test/support/ipfs-gateway.ts';
import { readRepo, type HubServer, type RepoFiles } from '#test/support/hub-server.ts';
import { visit } from '#test/support/visit.ts';
import { App } from './app.ts';
import { startHub } from './hub.ts';

const weights = 'adapter_model.safetensors';

/** The example adapter with another alpha and one bit changed, so that neither this device nor a chain has it; without a manifest, as PEFT writes it. */
function stranger(): RepoFiles {
	const { 'adapter_config.json': config, [weights]: matrices } = readRepo('static/adapters/anatomy');
	const text = String(Buffer.from(config ?? [])).replace(/"lora_alpha": \d+/, '"lora_alpha": 24');
	const changed = Buffer.from(matrices ?? []);
	changed.writeUInt8(changed.readUInt8(changed.length - 2) ^ 1, changed.length - 2);
	return { 'adapter_config.json': Buffer.from(text), [weights]: changed };
}

/** More tokens than the bundled model has room for, in fewer characters than an agent may have. */
const tooMuch = 'Say a, b. '.repeat(90).trim();

/** One more, whose manifest says that it goes on from Anatomy. */
function onward(): RepoFiles {
	const { 'adapter_config.json': config = Buffer.of(), [weights]: matrices } = stranger();
	const bytes = Buffer.from(matrices ?? []);
	bytes.writeUInt8(bytes.readUInt8(bytes.length - 4) ^ 1, bytes.length - 4);
	const hash = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
	const manifest = JSON.parse(
		readFileSync('static/adapters/anatomy/openledger.json', 'utf8')
	) as AdapterManifest;
	const { files, datanets } = manifest;
	return {
		'adapter_config.json': config,
		[weights]: bytes,
		'openledger.json': Buffer.from(
			JSON.stringify({
				...manifest,
				name: 'Onward',
				files: { 'adapter_config.json': hash(config), [weights]: hash(bytes) },
				indexRoot: undefined,
				datanets: [],
				lineage: [{ sha256: '0'.repeat(64), weights: files[weights], name: 'Anatomy', datanets }]
			})
		)
	};
}

async function open(fragment: string, hub?: HubServer): Promise<App> {
	return App.open({ path: `/a#${fragment}`, ...(hub && { preferences: { hubUrl: hub.url } }) });
}

/** What the page says of the chain, in one line. */
async function registered(page: Page): Promise<string> {
	const line = page.getByText('Registered on').first();
	await line.waitFor();
	return (await line.innerText()).replace(/\s+/g, ' ');
}

test('a link made here opens elsewhere on the same adapter: shown first, fetched when asked for, ready to be asked', async () => {
	const hub = await startHub({ 'ada/heart': stranger() });
	const { page } = await open('ada/heart', hub);
	await page.getByRole('heading', { name: 'heart' }).waitFor();
	await page.getByText('The link does not say which adapter this must be').waitFor();
	await page.getByText('Not registered on').waitFor();
	expect(hub.requests.some(({ path }) => path.endsWith(weights))).toBe(false);
	await page.getByRole('button', { name: /^Add it, 1\.\d MB/ }).click();
	await page.getByRole('button', { name: 'Ask it something' }).waitFor();
	await page.getByText('Not registered on').waitFor();

	await visit(page, '/adapters');
	await page.getByRole('button', { name: 'More about heart' }).click();
	await page.getByRole('menuitem', { name: 'Share a link' }).click();
	const link = await page.getByRole('dialog').locator('code').first().innerText();
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
	const link = await page.getByRole('dialog').locator('code').first().innerText();
	await page.getByRole('dialog').getByRole('img', { name: 'The link as a QR code' }).waitFor();
	expect(decodeURIComponent(link)).toContain(`${inject('appUrl')}/adapters/anatomy/`);
	const { page: other } = await open(link.slice(link.indexOf('#') + 1));
	await other.getByRole('heading', { name: 'Anatomy', exact: true }).waitFor();
	await other.getByText('openledger/nano, the one that is loaded').waitFor();
	// Asked of the EVM in the tab; no wallet was connected.
	expect(await registered(other)).toMatch(/by 0x[0-9a-f]{4}…[0-9a-f]{4}, model 3\. 0\.4 OPEN/i);
	await other.getByRole('button', { name: 'Ask it something' }).waitFor();
	// Opened again, it is here before the model is; that one comes by itself, so nobody is sent to choose one.
	await other.addInitScript(() =>
		new MutationObserver(() => {
			if (document.body?.innerText.includes('No model is loaded')) document.title = 'misled';
		}).observe(document, { subtree: true, childList: true, characterData: true })
	);
	await other.reload();
	await other.getByText('is starting. Then it can be asked.').waitFor();
	await other.getByRole('button', { name: 'Ask it something' }).waitFor();
	expect(await other.title()).not.toBe('misled');

	// As an agent: with instructions, and bound to the Datanet that it was made of.
	await page.keyboard.press('Escape');
	await page.getByRole('button', { name: 'More about Anatomy' }).click();
	await page.getByRole('menuitem', { name: 'Make an agent' }).click();
	const dialog = page.getByRole('dialog');
	// The sign that turns the direction of what follows does not come with it.
	await dialog.getByLabel('Name', { exact: true }).fill('Dr. \u202eBone');
	const instructions = dialog.getByLabel('Instructions');
	const [shared, code] = [dialog.locator('code'), dialog.getByRole('img', { name: 'The link as a QR code' })];
	// Before it is shared: instructions that a link cannot hold, that leave no room for a question, or a QR code none for the link.
	await instructions.fill('x'.repeat(2_001));
	await dialog.getByText('These instructions are too long for a link').waitFor();
	expect(await shared.count()).toBe(0);
	await instructions.fill(tooMuch);
	await dialog.getByText('These instructions leave no room for a question').waitFor();
	await dialog.getByText(/^They take 5\d\d tokens; Nano reads 384/).waitFor();
	expect(await shared.count()).toBe(0);
	await instructions.fill('structure '.repeat(190));
	await dialog.getByText(/^2\d\d of the 384 tokens/).waitFor();
	await dialog.getByText('No QR code: the link has').waitFor();
	expect([await shared.count(), await code.count()]).toEqual([1, 0]);
	await instructions.fill('Say <b>hello</b> first.');
	await code.waitFor();
	expect(await dialog.getByText('No QR code').count()).toBe(0);
	const agent = await dialog.locator('code').innerText();
	await other.goto(agent);
	await other.getByRole('heading', { name: 'Dr. Bone' }).waitFor();
	await other.getByText('Say <b>hello</b> first.').waitFor();
	await other.getByText('May stand on Anatomy and Physiology 2e, definitions alone').waitFor();
	await other.getByRole('button', { name: 'Ask it something' }).click();
	await other.getByRole('heading', { name: 'Ask Dr. Bone' }).waitFor();
	await other.getByRole('button', { name: 'Leave them out' }).click();
	await other.getByRole('heading', { name: /^Ask .*Anatomy/ }).waitFor();
	// One that somebody else has made too long: the question is not to blame, and the instructions can be left out.
	const { source, id } = parseAdapterLink(agent);
	await other.goto(
		`${inject('appUrl')}/a#${formatAdapterLink({ source, id, agent: { name: 'Bore', instructions: tooMuch } })}`
	);
	await other.getByRole('button', { name: 'Ask it something' }).click();
	await other.getByRole('heading', { name: 'Ask Bore' }).waitFor();
	const chat = new App(other.context(), other);
	await chat.ask('What is a bone?');
	const alert = chat.replies.getByRole('alert');
	await alert.getByText(/^The instructions before the conversation take \d{3} tokens/).waitFor();
	await alert.getByRole('button', { name: 'Leave out the instructions of Bore' }).click();
	await chat.settled();
	await alert.waitFor({ state: 'detached' });
	expect(await chat.text()).not.toBe('');
	// On an adapter that was made of something else it is refused.
	await other.goto(agent.replace('anatomy', 'finance').replace(/&id=\w+/, ''));
	await other.getByText('which the agent does not allow').waitFor();
});

test('what does not match is refused and not kept; a link that is none says what would be one', async () => {
	const hub = await startHub({ 'ada/heart': stranger(), 'ada/anatomy': readRepo('static/adapters/anatomy') });
	const { page } = await open(`from=ada/heart&id=${'0'.repeat(64)}`, hub);
	await page.getByRole('button', { name: /^Add it/ }).click();
	await page.getByText('What came is not the adapter that was offered').waitFor();
	await visit(page, '/adapters');
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
	const field = third.page.getByRole('textbox', { name: 'Link, repository or folder' });
	const look = third.page.getByRole('button', { name: 'Look at it' });
	expect(await field.inputValue()).toBe('javascript://x');
	// The router would throw for what is no encoding.
	await field.fill('100% heart');
	await look.click();
	await expect.poll(() => third.page.url()).toContain('#100%25');
	await third.page.getByText('This is no link to an adapter').waitFor();
	expect(await field.inputValue()).toBe('100% heart');
	// A source that is silent: given up by hand, and asked again by the same text.
	let asked = 0;
	await third.page.route('**/api/models/ada/silent/**', () => void asked++);
	await field.fill('ada/silent');
	await look.click();
	for (const time of [1, 2]) {
		await third.page.getByRole('progressbar', { name: 'Looking at the adapter' }).waitFor();
		await expect.poll(() => asked).toBe(time);
		await third.page.getByRole('button', { name: 'Cancel' }).click();
		await field.waitFor();
		expect(await field.inputValue()).toBe('ada/silent');
		await expect.poll(() => field.evaluate((element) => element === document.activeElement)).toBe(true);
		if (time === 1) await field.press('Enter');
	}
	// Repositories as people write them.
	for (const said of ['hf.co/ada/heart', ' https://huggingface.co/ada/heart#how-to-use ', 'ada/heart/']) {
		await field.fill(said);
		await look.click();
		await third.page.getByRole('heading', { name: 'heart' }).waitFor();
		await visit(third.page, '/a');
	}
	await field.fill('ada/heart');
	await look.click();
	await third.page.getByRole('heading', { name: 'heart' }).waitFor();

	// As the browser hands over an address of the app's own scheme (manifest.webmanifest).
	const { protocol_handlers: handlers } = JSON.parse(readFileSync('static/manifest.webmanifest', 'utf8')) as {
		protocol_handlers: { protocol: string; url: string }[];
	};
	expect(handlers).toEqual([{ protocol: 'web+openledger', url: 'a#%s' }]);
	const hand = (address: string) => {
		const handed = handlers[0]?.url.replace('%s', encodeURIComponent(address)) ?? '';
		return third.page.goto(new URL(handed, third.page.url()).href);
	};
	await hand('web+openledger:ada/anatomy');
	await third.page.getByRole('heading', { name: 'Anatomy', exact: true }).waitFor();
	for (const hostile of [
		'javascript:alert(1)',
		'//ada/heart/../../etc',
		'from=data:text/html,<b>&id=1',
		'%00%ff'
	]) {
		await hand(`web+openledger:${hostile}`);
		await third.page.getByText('This is no link to an adapter').waitFor();
	}
});

test('an adapter is published on the Hub, registered in the sandbox, and its link says by whom; another description does not match', async () => {
	const hub = await startHub({ 'ada/heart': stranger(), 'ada/taken': { 'README.md': Buffer.from('mine') } });
	hub.token = 'hf_secret';
	const { page } = await open('', hub);
	await visit(page, '/adapters');
	await page.getByRole('button', { name: 'More about Finance' }).click();
	await page.getByRole('menuitem', { name: 'Publish or register' }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByRole('textbox', { name: 'Repository' }).fill('ada/finance');
	await dialog.getByLabel('Access token').fill('wrong');
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	await dialog.getByText('This is no access token of the Hub').waitFor();
	await dialog.getByLabel('Access token').fill('hf_wrong');
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	await dialog.getByText('The Hub does not let you use').waitFor();
	// Elsewhere that says nothing, and what was entered is there again afterwards.
	const refused = dialog.getByText('The Hub does not let you use');
	const files = dialog.getByRole('button', { name: 'Save the files' });
	await dialog.getByRole('radio', { name: 'Files' }).click();
	await files.waitFor();
	expect(await refused.count()).toBe(0);
	await dialog.getByRole('radio', { name: 'Hugging Face' }).click();
	await refused.waitFor();
	await dialog.getByRole('button', { name: 'Dismiss' }).click();
	// Nor does what goes wrong there while another way is looked at.
	hub.fault({ path: '/api/repos/create', kind: 'wait', ms: 1500 });
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	await dialog.getByRole('radio', { name: 'Files' }).click();
	expect(await files.isDisabled()).toBe(true);
	await expect.poll(() => files.isDisabled(), { timeout: 20_000 }).toBe(false);
	expect(await refused.count()).toBe(0);
	await dialog.getByRole('radio', { name: 'Hugging Face' }).click();
	await refused.waitFor();
	expect(await dialog.getByRole('textbox', { name: 'Repository' }).inputValue()).toBe('ada/finance');
	await dialog.getByRole('textbox', { name: 'Repository' }).fill('taken');
	await dialog.getByLabel('Access token').fill('hf_secret');
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	await dialog.getByText('a slash, and the repository’s').waitFor();
	// A repository that holds something else is not written over unasked.
	await dialog.getByRole('textbox', { name: 'Repository' }).fill(' ada/taken ');
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	const question = dialog.getByText('“ada/taken” exists and holds README.md.');
	await question.waitFor();
	await dialog.getByRole('radio', { name: 'Files' }).click();
	expect(await question.count()).toBe(0);
	await dialog.getByRole('radio', { name: 'Hugging Face' }).click();
	await question.waitFor();
	await dialog.getByRole('button', { name: 'Keep them' }).click();
	expect(await question.count()).toBe(0);
	expect(String(hub.files('ada/taken')['README.md'])).toBe('mine');
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	await dialog.getByRole('button', { name: 'Replace them' }).click();
	await dialog.getByText(/#from=ada%2Ftaken%40[0-9a-f]{40}/).waitFor();
	expect(String(hub.files('ada/taken')['README.md'])).toContain('Finance');
	await dialog.getByRole('textbox', { name: 'Repository' }).fill('ada/finance');
	await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
	await dialog.getByText(/#from=ada%2Ffinance%40[0-9a-f]{40}/).waitFor();
	const published = hub.files('ada/finance');
	expect(Object.keys(published).sort()).toEqual([
		'README.md',
		'adapter_config.json',
		'adapter_model.safetensors',
		'attribution.safetensors',
		'openledger.json'
	]);
	for (const file of ['adapter_config.json', weights, 'openledger.json'])
		expect(Buffer.from(published[file] ?? []).equals(readFileSync(`static/adapters/finance/${file}`))).toBe(
			true
		);
	// The token lies nowhere.
	const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
	expect(kept).not.toContain('hf_secret');
	await page.keyboard.press('Escape');

	// A stranger's weights, without a manifest: registered, then found again by who opens a link.
	hub.token = undefined;
	await page.goto(new URL('/a#ada/heart', page.url()).href);
	await page.getByRole('button', { name: /^Add it/ }).click();
	await page.getByRole('button', { name: 'Ask it something' }).waitFor();
	await visit(page, '/adapters');
	await page.getByRole('button', { name: 'More about heart' }).click();
	await page.getByRole('menuitem', { name: 'Publish or register' }).click();
	await dialog.getByRole('radio', { name: 'IPFS' }).click();
	const [saved] = await Promise.all([
		page.waitForEvent('download'),
		dialog.getByRole('button', { name: 'Save the archive' }).click()
	]);
	const archive = await saved.path();
	const [cid] = /bafybei\w+/.exec(await dialog.getByText(/bafybei\w+/).innerText()) ?? [];
	await dialog.getByRole('radio', { name: 'Register' }).click();
	await dialog.getByLabel('Price, OPEN for 1,000 tokens').fill('0.25');
	await dialog.getByRole('button', { name: 'Register', exact: true }).click();
	await dialog.getByText('as model 4.').waitFor();
	await page.keyboard.press('Escape');

	// What goes on from a registered one says so, and pays those whose rows that one learnt.
	hub.commit('ada/onward', onward());
	await page.goto(new URL('/a#ada/onward', page.url()).href);
	await page.getByRole('button', { name: /^Add it/ }).click();
	await page.getByRole('button', { name: 'Ask it something' }).waitFor();
	await visit(page, '/adapters');
	await page.getByRole('button', { name: 'More about Onward' }).click();
	await page.getByRole('menuitem', { name: 'Publish or register' }).click();
	await dialog.getByRole('radio', { name: 'Register' }).click();
	await dialog.getByText('is not measured yet').waitFor();
	const terms = (await dialog.innerText()).replace(/\s+/g, ' ');
	expect(terms).toContain('Goes on from model 3');
	expect(terms).toMatch(/Datanets paid Datanet \d: 100 % /);
	await page.keyboard.press('Escape');
	await page.getByRole('button', { name: 'More about Onward' }).click();
	await page.getByRole('menuitem', { name: 'Delete' }).click();

	// Deleted here, it stands in the list as what the chain knows; its owner said where it lies.
	await page.getByRole('button', { name: 'More about heart' }).click();
	await page.getByRole('menuitem', { name: 'Delete' }).click();
	const rows = page.getByRole('listitem');
	const [onChain, here] = [rows.filter({ hasText: 'Model 4 on' }), rows.filter({ hasText: 'Anatomy' })];
	await onChain.getByText('0.25 OPEN for 1,000 tokens').waitFor();
	const listed = async () => [await onChain.count(), await here.count()];
	const search = page.getByRole('searchbox', { name: 'Search adapters' });
	for (const [query, expected] of [
		['model 3', [0, 1]],
		['Sandbox 3 MÓDEL', [0, 1]],
		['sandbox', [1, 1]],
		['nano anatomy', [0, 1]],
		['0.25 open', [1, 0]],
		['finance', [0, 0]]
	] as const) {
		await search.fill(query);
		await expect.poll(listed, { message: query }).toEqual(expected);
	}
	await search.fill('');
	for (const [filter, expected] of [
		['Here', [0, 1]],
		['Shared', [0, 1]],
		['On chain', [1, 1]]
	] as const) {
		await page.getByRole('radio', { name: filter, exact: true }).click();
		await expect.poll(listed).toEqual(expected);
	}
	await search.fill('model 4');
	await expect.poll(listed).toEqual([1, 0]);
	await onChain.getByRole('link', { name: 'Look at model 4' }).click();
	await page.getByRole('heading', { name: 'heart' }).waitFor();

	// Somebody else gets the archive through a gateway of their choice, block by block.
	const gateway = await ipfsGateway(new Blob([readFileSync(archive)]));
	const { page: other } = await open(`ipfs://${cid}`);
	await other.getByRole('textbox', { name: 'IPFS gateway' }).fill(gateway.url);
	await other.getByRole('button', { name: 'Save' }).click();
	await other.getByRole('heading', { name: 'heart' }).waitFor();
	const looked = gateway.seen.length;
	await other.getByRole('button', { name: /^Add it, 1\.\d MB/ }).click();
	await other.getByRole('button', { name: 'Ask it something' }).waitFor();
	expect(gateway.seen.length).toBeGreaterThan(looked + 3);

	await visit(page, '/a');
	await page.locator('input[type=file]').setInputFiles({
		name: 'heart.car',
		mimeType: 'application/vnd.ipld.car',
		buffer: readFileSync(archive)
	});
	expect(await registered(page)).toMatch(/model 4\. 0\.25 OPEN for 1,000 tokens\./);
	await page.getByText('a file that you opened').waitFor();

	// The same weights as Anatomy's, under a description that its owner did not register.
	const manifest = String(readFileSync('static/adapters/anatomy/openledger.json')).replace(
		'"Anatomy"',
		'"Better"'
	);
	hub.commit('eve/anatomy', {
		...readRepo('static/adapters/anatomy'),
		'openledger.json': Buffer.from(manifest)
	});
	await page.goto(new URL('/a#eve/anatomy', page.url()).href);
	await page.getByText('This is not what is registered on').waitFor();
	await page.getByText('these weights, but another description').waitFor();
	// It says to be model 2, and is not: seen beforehand where the source tells, else before anything is kept.
	hub.commit('ada/liar', stranger());
	const model = '87206178739010:2';
	await page.goto(new URL(`/a#from=ada/liar&model=${model}`, page.url()).href);
	await page.getByText('has other weights than these').waitFor();
	expect(await page.getByRole('button', { name: /^Add it/ }).count()).toBe(0);
	hub.commit('ada/liar', { ...stranger(), 'README.md': Buffer.from('again') });
	const folder = encodeURIComponent(`${hub.url}/ada/liar/resolve/main/`);
	await page.goto(new URL(`/a#from=${folder}&model=${model}`, page.url()).href);
	await page.getByText('Can be looked up once it is fetched').waitFor();
	await page.getByRole('button', { name: /^Add it/ }).click();
	await page.getByText('What came is not the registered model').waitFor();
});
