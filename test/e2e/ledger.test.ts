import 'fake-indexeddb/auto';
import type { Locator } from 'playwright';
import {
	encodeFunctionData,
	getAddress,
	parseEther,
	zeroAddress,
	type Abi,
	type AbiEvent,
	type Address,
	type Hex
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { datanetsAbi } from '../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../contracts-abi/abi/Models.ts';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { rewardKey } from '../../contracts/client/keys.ts';
import { RewardTree } from '../../contracts/client/tree.ts';
import { launchRules } from '../../contracts/deploy/params.ts';
import { someone, startLocalChain, type LocalChain } from '../../contracts/tools/local.ts';
import { seed } from '../../contracts/tools/seed.ts';
import { people, personKey } from '#workers/chain/people.ts';
import { LedgerService, type ChainSource } from '#workers/ledger/service.ts';
import { BookStore } from '#workers/ledger/store.ts';
import { App } from './app.ts';
import { DatanetsApp, textFile } from './datanets-app.ts';
import { PhoneWallet } from '#test/support/phone-wallet.ts';
import { LocalRelay } from '#test/support/relay.ts';
import { visit } from '#test/support/visit.ts';
import { looks } from './looks.ts';

let chain: LocalChain;
const user = someone('the user of the page');
const addressOf = (name: (typeof people)[number]['name']): Address =>
	privateKeyToAccount(personKey(name)).address;

beforeAll(async () => {
	chain = await startLocalChain();
	for (const { name } of people)
		await rpc('anvil_setBalance', [addressOf(name), `0x${parseEther('10000').toString(16)}`]);
	await rpc('anvil_setBalance', [user, `0x${parseEther('1000').toString(16)}`]);
	await seed(chain.addresses, async (key, to, abi, functionName, args, value) => {
		await chain.write(privateKeyToAccount(key).address, to, abi, functionName, args, value);
	});
	// Finance costs from the first token on.
	const terms = [2, parseEther('0.5'), 0n, 0, 'sample:'];
	await chain.write(addressOf('Amara Obi'), chain.addresses.models, modelsAbi as Abi, 'setTerms', terms);
});
afterAll(() => chain.stop());

const rpc = (method: string, params: unknown[] = []) =>
	chain.publicClient.request({ method, params } as never) as Promise<unknown>;

/** A wallet as an extension would announce it (EIP-6963); anvil signs. */
async function openWithWallet(path: string): Promise<App> {
	// A reply that rows speak for, the same each time.
	const reply = { maxNewTokens: 48, temperature: 0, seed: 1 };
	const app = await App.open({ path: '/settings', preferences: { reply } });
	await app.context.addInitScript(
		({ url, account }) => {
			if (location.protocol === 'about:') return;
			localStorage.setItem('openledger-local-rpc', url);
			const request = async ({ method, params }: { method: string; params?: unknown }) => {
				if (method === 'eth_requestAccounts') localStorage.setItem('test-wallet', 'shared');
				if (method === 'eth_accounts' || method === 'eth_requestAccounts')
					return localStorage.getItem('test-wallet') ? [account] : [];
				if (method === 'wallet_requestPermissions') return [{ parentCapability: 'eth_accounts' }];
				const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: params ?? [] });
				const headers = { 'content-type': 'application/json' };
				const answer = await (await fetch(url, { method: 'POST', headers, body })).json();
				if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
				return answer.result;
			};
			const provider = { request, on: () => undefined, removeListener: () => undefined };
			const info = {
				uuid: '9a1f…',
				name: 'Test wallet',
				icon: 'data:image/svg+xml,<svg/>',
				rdns: 'org.example'
			};
			const announce = () =>
				dispatchEvent(
					new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) })
				);
			addEventListener('eip6963:requestProvider', announce);
			announce();
		},
		{ url: chain.url, account: user }
	);
	await app.page.goto(new URL(path, app.page.url()).href);
	return app;
}

async function accountOf(address: Address) {
	const args = [address] as const;
	const core = { address: chain.addresses.settlement, abi: settlementAbi } as const;
	const [balance, free, nonce] = await chain.publicClient.readContract({
		...core,
		functionName: 'accountOf',
		args
	});
	return { balance, free, nonce };
}

/** The wei of an amount on the page, by what stands before it. */
async function shown(app: App, name: string): Promise<bigint> {
	const row = app.page.locator('dl > div', { has: app.page.getByText(name, { exact: true }) });
	return BigInt((await row.locator('.amount').first().getAttribute('data-wei')) ?? '-1');
}

const source = (): ChainSource => ({
	id: 31337,
	addresses: chain.addresses,
	fromBlock: 0,
	depth: 0,
	rpc: ({ method, params }) => rpc(method, params as unknown[])
});

test('contribute, register, reply, settle, post, finalise, claim; and a root that lies by one wei is refuted', async () => {
	const app = await openWithWallet('/ledger');
	const { page } = app;
	const button = (name: string | RegExp) => page.getByRole('button', { name });
	const go = (room: string) =>
		page.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name: room, exact: true }).click();
	/** As when the connection is back: the page looks at the chain now instead of in its own time. */
	const look = () => page.evaluate(() => dispatchEvent(new Event('online')));
	await connect(app);

	// Contribute a row, signed with this device's key.
	const person = await DatanetsApp.in(app);
	await person.create('Finance notes');
	await person.preview(
		textFile('rows.jsonl', '{"prompt":"What is capital?","response":"What one owns that earns."}\n')
	);
	expect(await person.import()).toBe('1 row added');
	await go('Ledger');

	// Register, and be named by the curator of the Datanet that Finance was trained on.
	await button('Register as a contributor').click();
	await expect
		.poll(
			() =>
				chain.publicClient.readContract({
					address: chain.addresses.settlement,
					abi: settlementAbi,
					functionName: 'people'
				}),
			{ timeout: 30_000 }
		)
		.toBe(9);
	await chain.write(addressOf('Amara Obi'), chain.addresses.datanets, datanetsAbi as Abi, 'grant', [
		1,
		[9],
		[364n]
	]);

	// An adapter that costs something waits for a deposit.
	await go('Chat');
	await chooseFinance(app);
	await app.ask('What is inflation?');
	await page.getByText('no deposit covers a reply of it').first().waitFor({ timeout: 60_000 });
	expect(await page.getByText('was not measured').count()).toBe(0);
	await page.getByRole('article').getByRole('link', { name: 'To the Ledger' }).click();
	await button('Deposit').first().click();
	await page.getByLabel('Amount in OPEN').fill('300');
	await page.getByRole('dialog').getByRole('button', { name: 'Deposit' }).click();
	await expect.poll(async () => (await accountOf(user)).balance, { timeout: 30_000 }).toBe(parseEther('300'));
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	expect(await shown(app, 'Prepaid')).toBe(parseEther('300'));

	// Reply, and settle what it cost.
	await go('Chat');
	await chooseFinance(app);
	await app.ask('What is inflation?');
	await app.settled();
	await expect.poll(() => page.evaluate(countReceipts), { timeout: 60_000 }).toBe(1);
	await worth(app);
	await go('Ledger');
	await button('Pay now').and(page.locator(':enabled')).waitFor({ timeout: 60_000 });
	const owed = await shown(app, 'Owed');
	expect(owed).toBeGreaterThan(0n);
	await button('Pay now').click();
	await expect.poll(async () => (await accountOf(user)).nonce, { timeout: 30_000 }).toBe(1);
	expect((await accountOf(user)).balance).toBe(parseEther('300') - owed);
	await expect.poll(() => shown(app, 'Prepaid'), { timeout: 30_000 }).toBe(parseEther('300') - owed);
	expect(await shown(app, 'Owed')).toBe(0n);

	// Post, wait, finalise.
	await button('Post a root').click();
	await page.getByText('Payment 1: right').waitFor({ timeout: 60_000 });
	await chain.pass(launchRules.window);
	await look();
	await button('Make final').click({ timeout: 60_000 });
	await expect.poll(async () => (await progress())[2], { timeout: 30_000 }).toBe(1n);

	// Claim: the user's part of the Datanet's, by units, to the wei.
	await button(/^Claim all/)
		.and(page.locator(':enabled'))
		.click({ timeout: 60_000 });
	const income = rewardKey('datanet', 1);
	await expect
		.poll(
			() =>
				chain.publicClient.readContract({
					address: chain.addresses.settlement,
					abi: settlementAbi,
					functionName: 'claimed',
					args: [income]
				}),
			{ timeout: 30_000 }
		)
		.toBeGreaterThan(0n);
	// 364 of 728 units are the user's; fractions of a wei wait in the contract.
	const due = await cumulative(income);
	const collected = async () => (await accountOf(user)).balance - (parseEther('300') - owed);
	await expect.poll(collected, { timeout: 30_000 }).toBeGreaterThan(0n);
	const mine = await collected();
	expect(due * 364n - mine * 728n).toBeLessThan(2n * 728n);
	expect(due * 364n - mine * 728n).toBeGreaterThanOrEqual(0n);
	// And the poster's part of what the user paid.
	const posted = (owed * BigInt(launchRules.poster)) / 10_000n;
	await expect.poll(() => shown(app, 'Claimed so far'), { timeout: 30_000 }).toBe(mine + posted);

	// What is read there adds up to what the contract holds, digit by digit.
	const history = page.getByRole('region', { name: 'History' });
	const read = (text: string) => parseEther(text.trim().replace('−', '-').replace(/[+,]/g, ''));
	const rows = history.locator('tbody tr').filter({ hasNotText: 'to the wallet' }).locator('.amount');
	const addedUp = async () =>
		(await rows.allInnerTexts()).map(read).reduce((sum, amount) => sum + amount, 0n);
	await expect.poll(addedUp, { timeout: 30_000 }).toBe((await accountOf(user)).balance);
	expect(read(await history.locator('tfoot .amount').innerText())).toBe((await accountOf(user)).balance);

	// Walk from the reply to a row that moved it, to whom it is by, and to what that person was paid: to the wei as the books have it.
	await walk(app, due);

	// Amara hands her number over; what one owns oneself can be offered and taken back.
	await chain.write(addressOf('Amara Obi'), chain.addresses.settlement, settlementAbi as Abi, 'offer', [
		1,
		user
	]);
	await look();
	await page.getByText('Contributor 1 is offered to you').waitFor({ timeout: 30_000 });
	await button('Accept').click();
	await expect.poll(() => core('personOwner', [1]), { timeout: 30_000 }).toBe(getAddress(user));
	const number = page.getByRole('listitem').filter({ hasText: 'Contributor 9' });
	await number.getByRole('button', { name: 'Hand over' }).click();
	await page.getByLabel('Address').fill(addressOf('Dae Park'));
	await button('Offer it').click();
	await number.getByText('who has not accepted yet').waitFor({ timeout: 30_000 });
	expect(await core('offeredTo', [9])).toBe(addressOf('Dae Park'));
	await number.getByRole('button', { name: 'Take back' }).click();
	await number.getByRole('button', { name: 'Hand over' }).waitFor({ timeout: 30_000 });
	expect(await core('offeredTo', [9])).toBe(zeroAddress);

	// Another payment, and a poster who gives himself one wei.
	await settleAs(addressOf('Chiara Longo'), parseEther('1'));
	await lie(addressOf('Grace Mwangi'));
	await page.reload();
	await page.getByText('this root lies').waitFor({ timeout: 60_000 });
	await looks(app, 'ledger');
	// First it is announced, ten minutes later refuted.
	await button('Refute').click();
	await button(/^Refute in/).waitFor({ timeout: 60_000 });
	await chain.pass(600);
	await look();
	const before = (await accountOf(user)).balance;
	await button('Refute').and(page.locator(':enabled')).click({ timeout: 60_000 });
	await expect
		.poll(async () => (await accountOf(user)).balance - before, { timeout: 60_000 })
		.toBe(launchRules.bond / 2n);
	await page.getByText('this root lies').waitFor({ state: 'detached', timeout: 60_000 });

	// The same again with no Ledger page open: of two tabs one announces and refutes, once, and posts what is right.
	await lie(addressOf('Grace Mwangi'));
	const announced = await happened('RefutationCommitted');
	const roots = await happened('CheckpointPosted');
	await page.getByRole('radio', { name: 'done by itself' }).click();
	await go('Chat');
	const other = await app.tab();
	await other.message.waitFor();
	const wake = () =>
		Promise.all([page, other.page].map((tab) => tab.evaluate(() => dispatchEvent(new Event('online')))));
	await expect.poll(() => happened('RefutationCommitted'), { timeout: 60_000 }).toBe(announced + 1);
	await expect.poll(() => happened('CheckpointPosted'), { timeout: 60_000 }).toBe(roots + 1);
	const refuted = await happened('CheckpointRefuted');
	const held = (await accountOf(user)).balance;
	await chain.pass(600);
	await wake();
	await expect.poll(() => happened('CheckpointRefuted'), { timeout: 60_000 }).toBe(refuted + 1);
	expect((await accountOf(user)).balance - held).toBe(launchRules.bond / 2n);
	await wake();
	await page.waitForTimeout(1000);
	expect(await happened('RefutationCommitted')).toBe(announced + 1);
	expect(await happened('CheckpointPosted')).toBe(roots + 1);

	// When the window is over it makes its root final, so that the bond comes back. Then anybody may claim for who hosted.
	const final = await happened('CheckpointFinalised');
	await chain.pass(launchRules.window);
	await wake();
	await expect.poll(() => happened('CheckpointFinalised'), { timeout: 60_000 }).toBe(final + 1);
	const host = addressOf('Farid Nasser');
	const purse = await chain.publicClient.getBalance({ address: host });
	await go('Ledger');
	await page.getByText('Claim for somebody else').click();
	await page.getByLabel('Contributor’s number').fill('6');
	await button('Claim for contributor 6').click({ timeout: 60_000 });
	const hosted = (parseEther('1') * BigInt(launchRules.host)) / 10_000n;
	await expect.poll(() => core('claimed', [6]), { timeout: 30_000 }).toBe(hosted);
	expect((await chain.publicClient.getBalance({ address: host })) - purse).toBe(hosted);
	await page.getByText('There is nothing to claim for contributor 6 now.').waitFor({ timeout: 30_000 });
}, 600_000);

test('a wallet on a phone: paired by the code, pays, refuses, outlasts a reload, hangs up; nothing of it is loaded before', async () => {
	const relay = await LocalRelay.start();
	const phone = new PhoneWallet();
	onTestFinished(async () => {
		phone.stop();
		await relay.close();
	});
	await phone.start(relay, chain.url);
	await rpc('anvil_setBalance', [phone.address, `0x${parseEther('100').toString(16)}`]);
	const app = await App.open({ path: '/settings' });
	const { page } = app;
	const button = (name: string | RegExp) => page.getByRole('button', { name });
	const dialog = page.getByRole('dialog');
	/** Scripts that speak with relays. */
	const speaking: string[] = [];
	page.on('response', async (response) => {
		if (!response.url().endsWith('.js')) return;
		const text = await response.text().catch(() => '');
		if (text.includes('irn_publish')) speaking.push(response.url());
	});
	await page.evaluate((url) => localStorage.setItem('openledger-local-rpc', url), chain.url);
	await page.reload();

	// It is offered once a person names a project, and a relay of their own choice.
	await page.getByText('A wallet on another device (WalletConnect)').click();
	const field = (name: string) => page.getByRole('textbox', { name });
	const save = async (name: string, text: string) => {
		await field(name).fill(text);
		await page
			.locator('form', { has: field(name) })
			.getByRole('button', { name: 'Save' })
			.click();
	};
	await save('Project id', 'not one!');
	await page.getByText('This is no project id.').waitFor();
	await save('Project id', relay.projectId);
	await save('Address of the relay', 'ws://192.0.2.1');
	await page.getByText('This is no address of a relay.').waitFor();
	await save('Address of the relay', relay.url);

	await page.getByRole('link', { name: 'Ledger', exact: true }).click();
	await button(/Sandbox/)
		.first()
		.click();
	expect(speaking).toEqual([]);
	await dialog.getByRole('button', { name: /WalletConnect/ }).click();
	await dialog.getByRole('img', { name: /^Code for your wallet/ }).waitFor({ timeout: 30_000 });
	expect(speaking).toHaveLength(1);
	await looks(app, 'walletconnect', true);
	// Who closes the window has given up; the code is worth nothing then.
	await page.keyboard.press('Escape');
	await expect.poll(() => relay.clients, { timeout: 30_000 }).toBe(0);
	await button(/Sandbox/)
		.first()
		.click();
	await dialog.getByRole('button', { name: /WalletConnect/ }).click();
	await phone.tell('scan', (await dialog.locator('code').innerText()).trim());
	await button(/Phone wallet/)
		.first()
		.waitFor({ timeout: 30_000 });
	await page.keyboard.press('Escape');
	await page.getByText('Your account').waitFor({ timeout: 60_000 });
	// From now on the books are the phone's: those of the account before would take its deposit, or vanish under a dialog.
	expect(await shown(app, 'In the wallet')).toBe(parseEther('100'));

	// The key to talk with it is a secret.
	expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/"key\\*"|topic/);

	const deposit = async () => {
		await button('Deposit').first().click();
		await page.getByLabel('Amount in OPEN').fill('3');
		await dialog.getByRole('button', { name: 'Deposit' }).click();
	};
	await phone.tell('behave', { refuses: true });
	await deposit();
	await dialog.getByText('You did not sign, so nothing was sent.').waitFor({ timeout: 30_000 });
	await dialog.getByRole('button', { name: 'Cancel' }).click();
	await phone.tell('behave', { refuses: false });

	await page.reload();
	await page.getByText('Your account').waitFor({ timeout: 60_000 });
	await button(/Phone wallet/)
		.first()
		.waitFor({ timeout: 30_000 });
	await deposit();
	await dialog.waitFor({ state: 'detached', timeout: 60_000 });
	expect((await accountOf(phone.address)).balance).toBe(parseEther('3'));
	expect(await phone.tell('asked')).toEqual([
		'session_proposal',
		'eth_sendTransaction',
		'eth_sendTransaction'
	]);

	await phone.tell('hangUp');
	await button(/Sandbox/)
		.first()
		.waitFor({ timeout: 30_000 });
	await page.reload();
	await button(/Sandbox/)
		.first()
		.waitFor({ timeout: 30_000 });
}, 300_000);

/** @param due what the Datanet's key has earned, in wei */
/** Beside every person's share of a reply that costs something stands what it is worth, and the reply's price below. */
async function worth({ page, replies }: App): Promise<void> {
	const line = replies.last().getByRole('button', { name: /^Whose knowledge is in this answer/ });
	await expect.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 }).toMatch(/from \d+ p/);
	await line.click();
	const panel = page.getByRole('complementary', { name: 'Whose knowledge is in this answer?' });
	const price = panel.getByText(/^This answer costs/);
	const wei = async (within: Locator) =>
		BigInt((await within.locator('.amount').first().getAttribute('data-wei')) ?? '-1');
	await price.waitFor({ timeout: 30_000 });
	const whole = await wei(price);
	expect(whole).toBeGreaterThan(0n);
	const people = panel.getByRole('button', { name: /rows?\b.* %.*OPEN/ });
	expect(await people.count()).toBeGreaterThan(0);
	const each = await Promise.all((await people.all()).map(wei));
	// By share, the greatest first; together no more than the part that goes by measured weights.
	expect(each).toEqual(each.toSorted((a, b) => Number(b - a)));
	const { contributors, host, staticShare } = launchRules;
	const pool = (whole * BigInt(contributors + host) * BigInt(10_000 - staticShare)) / 10_000n ** 2n;
	expect(each.reduce((sum, one) => sum + one, 0n)).toBeLessThanOrEqual(pool);
	expect(each[0]).toBeGreaterThan(0n);
	await page.keyboard.press('Escape');
}

async function walk(app: App, due: bigint): Promise<void> {
	const { page } = app;
	const heading = page.locator('#lineage-node');
	const group = (name: string) =>
		page.locator('.group', { has: page.getByRole('heading', { name, exact: true }) }).getByRole('link');
	await page
		.getByRole('link', { name: /^Lineage of Paid for replies/ })
		.first()
		.click();
	await heading.getByText('Payment 1').waitFor({ timeout: 60_000 });
	await group('Pays for').click();
	await group('Receipt of').click();
	await group('Rows that moved it').first().waitFor({ timeout: 60_000 });
	await looks(app, 'lineage');
	const address = page.url();
	// With the keyboard: from the answer to the rows at its left, and along them.
	await heading.focus();
	await page.keyboard.press('ArrowLeft');
	await page.keyboard.press('ArrowDown');
	await group('Rows that moved it').first().click();
	await group('Given by').click();
	await page.getByText('Number on the chain').waitFor({ timeout: 60_000 });
	const number = Number(await page.locator('dt:text-is("Number on the chain") + dd').innerText());
	const units = { 1: 120n, 3: 164n, 4: 80n }[number];
	expect(units, `contributor ${number}`).toBeDefined();
	const income = group('Paid by').filter({ hasText: 'Principles of Finance' });
	const part = BigInt((await income.locator('[data-wei]').getAttribute('data-wei')) ?? '-1');
	expect(part).toBe((due * (units ?? 0n)) / 728n);
	await income.click();
	const earned = await group('Earned by').locator('[data-wei]').getAttribute('data-wei');
	expect(BigInt(earned ?? '-1')).toBe(due);
	// Back as one came, and by the address alone.
	await page.goBack();
	await group('Rows they gave').first().waitFor();
	await page.goto(address);
	await group('Rows that moved it').first().waitFor({ timeout: 60_000 });
	await page.getByRole('radio', { name: 'Table' }).click();
	await page.getByRole('table').getByText('Rows that moved it').first().waitFor();
	await visit(page, '/ledger');
	await page.getByText('Your account').waitFor({ timeout: 60_000 });
}

/** A view of the core. */
function core(functionName: 'personOwner' | 'offeredTo' | 'claimed', args: [number]): Promise<unknown> {
	const { settlement: address } = chain.addresses;
	return chain.publicClient.readContract({ address, abi: settlementAbi, functionName, args });
}

/** How often the core has logged an event. */
async function happened(eventName: string): Promise<number> {
	const event = settlementAbi.find((item) => item.type === 'event' && item.name === eventName);
	const { settlement: address } = chain.addresses;
	const logs = await chain.publicClient.getLogs({ address, event: event as AbiEvent, fromBlock: 0n });
	return logs.length;
}

/** In the page: receipts on this device. */
function countReceipts(): Promise<number> {
	return new Promise((resolve, reject) => {
		const opening = indexedDB.open('openledger-ledger');
		opening.onerror = () => reject(opening.error);
		opening.onsuccess = () => {
			const counting = opening.result.transaction('receipts').objectStore('receipts').count();
			counting.onsuccess = () => {
				opening.result.close();
				resolve(counting.result);
			};
		};
	});
}

async function connect(app: App): Promise<void> {
	const { page } = app;
	await page
		.getByRole('button', { name: /Sandbox/ })
		.first()
		.click();
	await page
		.getByRole('dialog')
		.getByRole('button', { name: /Test wallet/ })
		.click();
	await page
		.getByRole('button', { name: /Test wallet/ })
		.first()
		.waitFor({ timeout: 30_000 });
	await page.keyboard.press('Escape');
	await page.getByText('Your account').waitFor({ timeout: 60_000 });
}

async function chooseFinance(app: App): Promise<void> {
	await app.page.getByRole('button', { name: /^Adapter:/ }).click();
	await app.page
		.getByRole('option', { name: /Finance/i })
		.first()
		.click();
	await app.page.getByRole('button', { name: /^Adapter: .*Finance/i }).waitFor();
}

const progress = () =>
	chain.publicClient.readContract({
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'progress'
	});

async function cumulative(key: number): Promise<bigint> {
	const service = new LedgerService(new BookStore());
	await service.sync('sync', source(), 0);
	return (await service.claims(source(), [key]))[0]?.cumulative ?? 0n;
}

/** Somebody's payment for a reply by Finance that Farid served. */
async function settleAs(payer: Address, amount: bigint): Promise<void> {
	await chain.write(payer, chain.addresses.settlement, settlementAbi as Abi, 'deposit', [], amount);
	const args = [2, 6, amount, 0, `0x${'11'.repeat(32)}`, '0x'];
	await chain.write(payer, chain.addresses.settlement, settlementAbi as Abi, 'settle', args);
}

/** Posts the root of the last payment with one wei too much for the poster. */
async function lie(poster: Address): Promise<void> {
	const { settlement } = chain.addresses;
	await chain.write(poster, settlement, settlementAbi as Abi, 'deposit', [], launchRules.bond);
	const service = new LedgerService(new BookStore('liar'));
	await service.sync('sync', source(), 0);
	const honest = await service.posting('post', source(), 7);
	if (!honest) throw new Error('nothing to post');
	const keys = [
		...Array.from({ length: 9 }, (_, i) => i + 1),
		...['model', 'modelPool'].flatMap((kind) => [1, 2].map((id) => rewardKey(kind as 'model', id)))
	];
	keys.push(rewardKey('datanet', 1), rewardKey('hostPool', 6), rewardKey('auditors'), rewardKey('treasury'));
	const tree = new RewardTree();
	tree.add(
		(await service.claims(source(), keys)).map(
			({ key, cumulative: wei, pending }) => [key, wei + pending] as const
		)
	);
	// The poster's part moves from the treasury to the poster, and one wei comes from nowhere.
	const part = (parseEther('1') * BigInt(launchRules.poster)) / 10_000n;
	tree.add([
		[7, part],
		[rewardKey('treasury'), -part]
	]);
	expect(tree.root()).toBe(honest.roots[0]);
	tree.add([[7, 1n]]);
	const encode = (functionName: string, args: readonly unknown[]): Hex =>
		encodeFunctionData({ abi: settlementAbi as Abi, functionName, args });
	const post = encode('post', [BigInt(honest.parent), 7, honest.batches, [tree.root()]]);
	await chain.write(poster, settlement, settlementAbi as Abi, 'multicall', [[encode('mark', []), post]]);
}
