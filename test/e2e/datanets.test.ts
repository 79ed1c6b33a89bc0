import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { expect, onTestFinished, test } from 'vitest';
import { HubServer } from '#test/support/hub-server.ts';
import { visit } from '#test/support/visit.ts';
import { DatanetsApp, textFile } from './datanets-app.ts';

const CSV = [
	'Question;Right answer;Where from',
	'What is the femur?;The thigh bone.;Gray',
	'Which bone is the longest?;The fibula.;Gray',
	'Who runs the clinic?;Write to jane.doe@example.org or call +49 30 901820.;Notes',
	'What is a joint?;Where two bones meet.;Gray'
].join('\n');

test('from a table to a checked, masked, frozen Datanet, and on to a second person who sends a correction back', async () => {
	const curator = await DatanetsApp.open();
	const { page } = curator;
	await curator.create('Bones');

	// Columns with names of their own are mapped by hand, and the mapping is remembered.
	await curator.preview(textFile('bones.csv', CSV));
	await page
		.getByRole('combobox', { name: /^Prompt/ })
		.first()
		.selectOption('Question');
	await page.getByRole('combobox', { name: /^Response/ }).selectOption('Right answer');
	await page.getByRole('textbox', { name: 'Licence' }).fill('CC-BY-4.0');
	await page.getByText('The thigh bone.').first().waitFor();
	expect(await curator.import()).toBe('4 rows added');

	// A row is put right in the table.
	await curator.tab('Rows');
	const wrong = curator.row('Which bone is the longest?');
	await wrong.getByRole('gridcell').filter({ hasText: 'The fibula.' }).dblclick();
	await page.getByRole('textbox', { name: /Response or text/ }).fill('The femur.');
	await page.keyboard.press('Enter');
	await curator.row('The femur.').waitFor();
	await curator.row('The fibula.').waitFor({ state: 'detached' });

	// Personal data is found and masked with one press.
	await curator.tab('Checks');
	await curator.button('Check all rows').click();
	await page.getByText(/1 e-mail address,/).waitFor();
	await curator.button('Mask all').click();
	await curator.toast('Personal data in 1 row masked.').waitFor();
	await curator.tab('Rows');
	await curator.row('Write to [e-mail] or call [phone].').waitFor();

	await curator.tab('Versions');
	await page.getByRole('textbox', { name: /What is in it/ }).fill('First');
	await curator.button(/^Freeze 4 rows/).click();
	await page.getByText('The rows as they are now are frozen already, as “First”.').waitFor();

	const dialog = await curator.share('Save as a file');
	const bundle = await curator.download(curator.button('Save', dialog));
	expect(bundle.name).toMatch(/\.datanet$/);

	// Another person, on a device of their own.
	const helper = await DatanetsApp.open();
	await helper.choose(helper.button(/^Start from files/), bundle);
	await helper.page.getByRole('heading', { name: 'Bones' }).waitFor();
	// There is nothing of their own to offer yet.
	const nothing = await helper.share('Offer rows to a curator');
	await helper.button('Sign and make the file', nothing).click();
	await nothing.getByText('None of the rows here is yours.').waitFor();
	await helper.page.keyboard.press('Escape');
	await helper.tab('Rows');
	await helper.row('What is a joint?').getByRole('gridcell').filter({ hasText: 'Where two' }).dblclick();
	await helper.page
		.getByRole('textbox', { name: /Response or text/ })
		.fill('A place where two or more bones meet.');
	await helper.page.keyboard.press('Enter');
	await helper.row('two or more bones').waitFor();
	const offer = await helper.share('Offer rows to a curator');
	await offer.getByRole('textbox', { name: /Your name/ }).fill('Ben');
	await helper.button('Sign and make the file', offer).click();
	const offered = await helper.download(helper.button(/^(Share|Save) the file/, offer));

	// The curator sees whose it is, and accepts it in the place of the old row.
	await curator.tab('Review');
	await curator.choose(curator.button('Open a file'), offered);
	await page.getByRole('heading', { name: 'From Ben' }).waitFor();
	await curator.button('Accept').click();
	await curator.toast('1 row accepted.').waitFor();
	await curator.tab('Rows');
	await curator.row('A place where two or more bones meet.').waitFor();
	expect(await curator.row('Where two bones meet.').count()).toBe(0);
	await curator.tab('Overview');
	await page.getByText('4 rows by 2 contributors.').waitFor();
	await page.getByRole('link', { name: /Versions/ }).click();
	await curator.button(/^Freeze 4 rows/).waitFor();

	// The same columns once more are mapped as before.
	await curator.preview(textFile('more.csv', CSV.replace('femur', 'tibia')));
	await page.getByText('Mapped as you did the last time with these columns.').waitFor();
});

test('a removed row comes back with undo, and goes again with redo, by keyboard', async () => {
	const person = await DatanetsApp.open();
	await person.create('Keys');
	await person.preview(
		textFile('rows.jsonl', '{"prompt":"one","response":"1"}\n{"prompt":"two","response":"2"}\n')
	);
	await person.import();
	await person.tab('Rows');
	const grid = person.page.getByRole('grid');
	await person.row('two').waitFor();
	await grid.focus();
	await person.page.keyboard.press('ArrowDown');
	await person.page.keyboard.press('Space');
	await person.page.keyboard.press('Delete');
	await person.toast('1 row removed.').waitFor();
	await person.row('two').waitFor({ state: 'detached' });
	await grid.focus();
	await person.page.keyboard.press('Control+z');
	await person.row('two').waitFor();
	await grid.focus();
	await person.page.keyboard.press('Control+Shift+z');
	await person.row('two').waitFor({ state: 'detached' });
	expect(await person.row('one').count()).toBe(1);
});

test('a thumb that was a slip is taken back; a reply is praised with one and corrected with a better answer: drafts with their author wait for review', async () => {
	const person = await DatanetsApp.open({ path: '/', preferences: { reply: { maxNewTokens: 16 } } });
	await person.app.ask('What is a joint?');
	await person.app.settled();
	const reply = await person.app.text();
	const conversation = person.page.url();
	await person.button(/^Good reply/).click();
	await person.button('Undo').click();
	await person.button(/^Good reply/).waitFor();
	await visit(person.page, '/datanets');
	await person.page.getByRole('link', { name: /Feedback from chats/ }).waitFor();
	expect(await person.page.getByText('to review').count()).toBe(0);

	await visit(person.page, conversation);
	await person.button(/^Good reply/).click();
	await person.toast('Kept as a draft in “Feedback from chats”, to be reviewed.').waitFor();
	await person.button(/^This is wrong/).click();
	const dialog = person.page.getByRole('dialog');
	await dialog.getByRole('textbox', { name: 'It should be' }).fill('A place where two bones meet.');
	await person.button('Keep as a draft', dialog).click();
	await dialog.waitFor({ state: 'detached' });

	// Of a later answer that one alone is kept, with its question, which may be put so that it stands alone.
	await person.app.ask('And where?');
	await person.app.settled(2);
	await person
		.button(/^This is wrong/)
		.last()
		.click();
	const question = dialog.getByRole('textbox', { name: 'Question' });
	expect(await question.inputValue()).toBe('And where?');
	expect(await dialog.getByRole('checkbox').isChecked()).toBe(false);
	await question.fill('Where are joints?');
	await dialog.getByRole('textbox', { name: 'It should be' }).fill('At the ends of bones.');
	await person.button('Keep as a draft', dialog).click();
	await dialog.waitFor({ state: 'detached' });
	// Or with what was said before it.
	await person
		.button(/^Your correction is kept/)
		.last()
		.click();
	await dialog.getByRole('textbox', { name: 'It should be' }).fill('Wherever two bones meet.');
	await dialog.getByRole('checkbox').check();
	await person.button('Keep as a draft', dialog).click();
	await dialog.waitFor({ state: 'detached' });

	await visit(person.page, '/datanets');
	await person.page.getByRole('link', { name: /Feedback from chats.*4 rows to review/ }).click();
	await person.page.getByRole('heading', { name: '4 rows wait for you' }).waitFor();
	await person.page.getByRole('link', { name: /^Review them/ }).click();
	await person.page.getByText('A place where two bones meet.').waitFor();
	await person.page.getByText(reply.slice(0, 20)).first().waitFor();
	const row = (answer: string) => person.page.getByRole('listitem').filter({ hasText: answer });
	expect(await row('At the ends of bones.').innerText()).toContain('Where are joints?');
	expect(await row('Wherever two bones meet.').innerText()).toContain('And where?');
	// By keyboard, one after another: the focus goes on to the row that takes the place of the one decided.
	await person.button('Accept').first().focus();
	await person.page.keyboard.press('Enter');
	await person.button('Accept all 3').waitFor();
	const focused = () => person.page.evaluate(() => document.activeElement?.textContent?.trim());
	await expect.poll(focused).toBe('Accept');
	await person.button('Accept all 3').click();
	await person.tab('Overview');
	await person.page.getByText('4 rows by 1 contributor.').waitFor();
	const kinds = person.page.getByRole('region', { name: 'Kinds' });
	await expect.poll(() => kinds.innerText()).toMatch(/Prompt and response\s+3\s+Conversation\s+1$/);
	const contributors = person.page.getByRole('region', { name: 'Whose knowledge this is' });
	expect(await contributors.innerText()).toContain('You');
});

test('text or a file that another app shares becomes rows of the Datanet one chooses, with its source', async () => {
	const person = await DatanetsApp.open({ offline: true });
	await person.create('Clippings');
	// It keeps the whole app first.
	await person.page.waitForFunction(
		() => navigator.serviceWorker.controller?.state === 'activated',
		undefined,
		{ timeout: 90_000 }
	);
	// As the browser does it: a form, posted by a navigation.
	const share = (fields: Record<string, string>, file?: { name: string; text: string }) =>
		person.page.evaluate(
			({ fields, file }) => {
				const form = document.createElement('form');
				Object.assign(form, { method: 'POST', action: '/datanets', enctype: 'multipart/form-data' });
				for (const [name, value] of Object.entries(fields))
					form.append(Object.assign(document.createElement('input'), { name, value }));
				if (file) {
					const input = Object.assign(document.createElement('input'), { type: 'file', name: 'files' });
					const transfer = new DataTransfer();
					transfer.items.add(new File([file.text], file.name));
					input.files = transfer.files;
					form.append(input);
				}
				document.body.append(form);
				form.submit();
			},
			{ fields, file }
		);
	await share(
		{ url: 'https://example.org/rows' },
		{ name: 'größe.csv', text: 'prompt,response\nfrom,a file\n' }
	);
	await person.page.getByRole('dialog').getByLabel('Datanet', { exact: true }).selectOption('Clippings');
	await person.button('Go on').click();
	await person.page.getByRole('heading', { name: 'größe.csv' }).waitFor();
	expect(await person.import()).toBe('1 row added');

	await share({ title: 'Femur', text: 'The longest bone.', url: 'https://example.org/f' });
	await person.page.getByRole('dialog').getByLabel('Datanet', { exact: true }).selectOption('Clippings');
	await person.button('Go on').click();
	await person.page.getByText('The longest bone.').first().waitFor();
	expect(await person.page.getByRole('textbox', { name: 'Source' }).inputValue()).toBe(
		'https://example.org/f'
	);
	expect(await person.import()).toBe('1 row added');
});

test('a locked Datanet travels in a backup, asks for its passphrase on the new device and stays locked', async () => {
	const first = await DatanetsApp.open();
	await first.create('Private');
	await first.preview(textFile('rows.jsonl', '{"prompt":"secret question","response":"secret answer"}\n'));
	await first.import();
	await first.tab('Overview');
	await first.button('Lock').click();
	const lock = first.page.getByRole('dialog');
	await lock.getByRole('textbox', { name: 'Passphrase' }).fill('its passphrase');
	await first.button('Lock', lock).click();
	await first.toast('From now on its rows rest encrypted.').waitFor();
	// A new tab has it closed: the backup asks.
	await first.page.goto(new URL('/datanets', first.page.url()).href);
	await first.button('Back up and restore').click();
	await first.page.getByRole('menuitem', { name: 'Back up everything' }).click();
	const dialog = first.page.getByRole('dialog');
	await dialog.getByLabel('Passphrase, if you want one').fill('correct horse');
	await first.button('Save the file', dialog).click();
	// It waits for the person: nothing moves, and what is typed goes there.
	await expect.poll(() => dialog.locator(':focus').count()).toBe(1);
	expect(await dialog.getByRole('progressbar').count()).toBe(0);
	await dialog.getByLabel('Passphrase of “Private”').fill('wrong');
	await first.button('Go on', dialog).click();
	await dialog.getByText('That one does not open it.', { exact: false }).waitFor();
	await dialog.getByLabel('Passphrase of “Private”').fill('its passphrase');
	const backup = await first.download(first.button('Go on', dialog));

	const second = await DatanetsApp.open();
	await second.choose(second.button(/^Start from files/), backup);
	const restore = second.page.getByRole('dialog');
	await restore.getByLabel('Passphrase of the backup').fill('correct horse');
	await second.button('Restore', restore).click();
	await restore.getByLabel('Passphrase of “Private”').fill('its passphrase');
	await second.button('Go on', restore).click();
	await second.toast('1 Datanet restored, and your key.').waitFor();
	await second.page.getByRole('link', { name: /Private/ }).click();
	await second.page.getByLabel('Passphrase', { exact: true }).fill('its passphrase');
	await second.button('Open').click();
	await second.tab('Rows');
	await second.row('secret answer').waitFor();
	expect(await second.page.getByRole('row').count()).toBe(2);
});

test('a Datanet is published on the Hub with a token, and comes back from there as it was', async () => {
	const hub = await HubServer.start({
		'ada/drafts': { 'rows.csv': Buffer.from('prompt,response\nold,row\n') },
		'ada/taken': { 'README.md': Buffer.from('mine'), 'notes.txt': Buffer.from('stay') }
	});
	onTestFinished(() => hub.close());
	hub.token = 'hf_secret';
	const person = await DatanetsApp.open({ preferences: { hubUrl: hub.url } });
	await person.create('Bones');
	await person.preview(
		textFile('rows.jsonl', '{"prompt":"What is a joint?","response":"Where two bones meet. 🦴"}\n')
	);
	await person.page.getByRole('textbox', { name: 'Licence' }).fill('CC-BY-4.0');
	await person.import();
	const dialog = await person.share('Publish on Hugging Face');
	await dialog.getByRole('textbox', { name: 'Dataset' }).fill('ada/bones');
	await dialog.getByLabel('Access token').fill('hf_wrong');
	await person.button('Publish', dialog).click();
	await dialog.getByText('The Hub does not let you use “ada/bones”.').waitFor();
	await dialog.getByLabel('Access token').fill('hf_secret');
	await person.button('Publish', dialog).click();
	await person.toast('Published as ada/bones.').waitFor();
	const published = hub.files('ada/bones');
	expect(Object.keys(published).join(' ')).toMatch(/README\.md/);
	expect(Buffer.from(published['README.md'] ?? []).toString()).toMatch(/license: "cc-by-4\.0"/);

	// What is there already is not replaced unasked.
	await person.share('Publish on Hugging Face');
	await dialog.getByRole('textbox', { name: 'Dataset' }).fill('ada/taken');
	await dialog.getByLabel('Access token').fill('hf_secret');
	await person.button('Publish', dialog).click();
	const question = dialog.getByText('“ada/taken” exists and holds README.md.');
	await question.waitFor();
	await person.button('Keep them', dialog).click();
	expect(await question.count()).toBe(0);
	expect(String(hub.files('ada/taken')['README.md'])).toBe('mine');
	await person.button('Publish', dialog).click();
	await question.waitFor();
	// Another name is another question.
	await dialog.getByRole('textbox', { name: 'Dataset' }).fill('ada/taken2');
	expect(await question.count()).toBe(0);
	await dialog.getByRole('textbox', { name: 'Dataset' }).fill('ada/taken');
	await person.button('Publish', dialog).click();
	await person.button('Replace them', dialog).click();
	await person.toast('Published as ada/taken.').waitFor();
	expect(String(hub.files('ada/taken')['README.md'])).toContain('Bones');
	expect(String(hub.files('ada/taken')['notes.txt'])).toBe('stay');

	await visit(person.page, '/datanets');
	await person.create('From the Hub');
	await visit(person.page, person.page.url().replace('/rows', '/import'));
	await person.page.getByRole('radio', { name: 'Hugging Face' }).click();
	await person.page.getByRole('textbox', { name: 'Dataset on Hugging Face' }).fill('ada/bones');
	await person.page.getByLabel('Token, for a private one').fill('hf_secret');
	await person.button('List its files').click();
	await person.page
		.getByRole('listitem')
		.filter({ hasText: '.parquet' })
		.getByRole('button', { name: 'Fetch' })
		.click();
	await person.page.getByText('Saved by this app: rows keep their contributors, dates and ids.').waitFor();
	expect(await person.import()).toBe('1 row added');
	await person.tab('Rows');
	await person.row('Where two bones meet. 🦴').waitFor();
	const asked = hub.requests.filter(({ path }) => !path.startsWith('/lfs/'));
	expect(asked.every(({ authorization }) => authorization?.startsWith('Bearer hf_'))).toBe(true);
});

test('this device’s key is linked to a wallet, when both sign and not when the person declines', async () => {
	const person = await DatanetsApp.open({ path: '/datanets' });
	const wallet = privateKeyToAccount(generatePrivateKey());
	let declines = true;
	await person.app.context.exposeFunction('answerWallet', async (method: string, parameters: string[]) => {
		if (method === 'eth_requestAccounts') return [wallet.address];
		if (method !== 'eth_signTypedData_v4') throw new Error(method);
		return declines ? 'declined' : wallet.signTypedData(JSON.parse(parameters[1] ?? ''));
	});
	await person.app.context.addInitScript(() => {
		const request = async ({ method, params }: { method: string; params?: unknown[] }) => {
			const ask = (window as unknown as { answerWallet(...args: unknown[]): Promise<unknown> }).answerWallet;
			const answer = await ask(method, params);
			if (answer === 'declined') throw Object.assign(new Error('User rejected'), { code: 4001 });
			return answer;
		};
		const info = { uuid: '1', name: 'Test Wallet', rdns: 'org.example.wallet', icon: 'data:,' };
		const detail = Object.freeze({
			info,
			provider: { request, on: () => undefined, removeListener: () => undefined }
		});
		addEventListener('eip6963:requestProvider', () =>
			dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
		);
	});
	await person.page.reload();
	await person.button('Link a wallet').click();
	await person.button('Sign with Test Wallet').click();
	await person.page.getByText('You did not sign, so nothing was sent.').waitFor();
	declines = false;
	await person.button('Sign with Test Wallet').click();
	const { address } = wallet;
	const short = `${address.slice(0, 6)}…${address.slice(-4)}`.toLowerCase();
	await person.toast(`Linked to ${short}.`).waitFor();
	await person.page.reload();
	await person.page.getByTitle(address.toLowerCase()).waitFor();
	expect(await person.page.getByRole('region', { name: 'You as a contributor' }).innerText()).toContain(
		short
	);
});
