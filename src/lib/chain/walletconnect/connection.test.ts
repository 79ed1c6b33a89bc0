import { keccak256, numberToHex, parseEther, recoverTypedDataAddress, stringToHex, type Hex } from 'viem';
import { foundry } from 'viem/chains';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startAnvil } from '../../../../contracts/tools/anvil.mjs';
import { httpRpc, type RpcRequest } from '#workers/ledger/rpc.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { PhoneWallet } from '#test/support/phone-wallet.ts';
import { LocalRelay } from '#test/support/relay.ts';
import { explain } from '../errors.ts';
import { storedAgreement } from './agreement.ts';
import { WalletConnection, type Circumstances } from './connection.ts';
import { open, seal } from './envelope.ts';

let anvil: { url: string; stop: () => void };
let relay: LocalRelay;
let node: RpcRequest;
const phone = new PhoneWallet();
let drawer: Map<string, string>;
let events: string[];
const opened: WalletConnection[] = [];

beforeAll(async () => {
	anvil = await startAnvil(['--auto-impersonate']);
	node = httpRpc(anvil.url);
});
afterAll(() => {
	phone.stop();
	anvil.stop();
});

beforeEach(async () => {
	relay = await LocalRelay.start();
	await phone.start(relay, anvil.url);
	drawer = new Map();
	events = [];
	await node({ method: 'anvil_setBalance', params: [phone.address, numberToHex(parseEther('100'))] });
});
afterEach(async () => {
	for (const connection of opened.splice(0)) connection.close();
	await relay.close();
});

function circumstances(change: Partial<Circumstances> = {}): Circumstances {
	return {
		relay: relay.url,
		projectId: relay.projectId,
		chains: [foundry.id, 1],
		app: { name: 'OpenLedger', description: 'Test', url: 'http://localhost', icons: [] },
		drawer: {
			getItem: (key) => drawer.get(key) ?? null,
			setItem: (key, value) => void drawer.set(key, value),
			removeItem: (key) => void drawer.delete(key)
		},
		read: (chain) => (chain === foundry.id ? node : undefined),
		onchange: () => void events.push('change'),
		onend: () => void events.push('end'),
		...change
	};
}

const never = new AbortController().signal;

/** Pairs as a person does: the page shows a code, the phone reads it. */
async function paired(change: Partial<Circumstances> = {}): Promise<WalletConnection> {
	const connection = await WalletConnection.pair(
		circumstances(change),
		(uri) => void phone.tell('scan', uri),
		never
	);
	opened.push(connection);
	return connection;
}

const payment = () => ({
	method: 'eth_sendTransaction',
	params: [{ from: phone.address, to: `0x${'12'.repeat(20)}`, data: '0x', value: numberToHex(7n) }]
});
const kept = () => storedAgreement(circumstances().drawer);

test('a wallet scans the code, agrees, and signs and sends what it is asked to', async () => {
	const connection = await paired();
	expect(connection.accounts).toEqual([phone.address]);
	expect(await connection.request({ method: 'eth_chainId' })).toBe(numberToHex(foundry.id));
	// Its name comes without what turns the writing direction.
	expect(kept()?.wallet).toBe('Phone wallet');
	const hash = (await connection.request(payment())) as Hex;
	// The node answers before it has made the block.
	const receipt = () => node({ method: 'eth_getTransactionReceipt', params: [hash] });
	await expect.poll(receipt).toMatchObject({ from: phone.address.toLowerCase(), status: '0x1' });
	const words = {
		domain: { name: 'Test', chainId: foundry.id },
		types: { Words: [{ name: 'text', type: 'string' }] },
		primaryType: 'Words',
		message: { text: 'Grüße 🙂' }
	} as const;
	const params = [phone.address, JSON.stringify(words)];
	const signature = (await connection.request({ method: 'eth_signTypedData_v4', params })) as Hex;
	expect(await recoverTypedDataAddress({ ...words, signature })).toBe(phone.address);
	// Nothing but what is to be signed was asked of it.
	expect(await phone.tell('asked')).toEqual([
		'session_proposal',
		'eth_sendTransaction',
		'eth_signTypedData_v4'
	]);
});

test('the relay sees neither what is asked nor who is asked', async () => {
	const connection = await paired();
	await connection.request(payment());
	const seen = relay.kept.map(({ message }) => Buffer.from(message, 'base64').toString('latin1')).join();
	expect(seen).not.toMatch(/eth_sendTransaction|eip155/);
	expect(seen.toLowerCase()).not.toContain(phone.address.slice(2, 12).toLowerCase());
	// The same messages by the key.
	const key = kept()?.key ?? '';
	const read = relay.kept.map(({ message }) => open(key, message) ?? '').join();
	expect(read).toMatch(/eth_sendTransaction/);
});

test('a no is a no, to connecting and to a transaction', async () => {
	await phone.tell('behave', { refuses: true });
	const refused = await paired().catch((error: unknown) => explain(error));
	expect(refused).toMatchObject({ code: 'wallet/rejected' });
	expect(kept()).toBeUndefined();
	await phone.tell('behave', { refuses: false });
	const connection = await paired();
	await phone.tell('behave', { refuses: true });
	const error = await connection.request(payment()).catch((thrown: unknown) => explain(thrown));
	expect(error).toMatchObject({ code: 'wallet/rejected', message: 'You did not sign, so nothing was sent.' });
});

test('nobody scans the code: it is given up, and nothing stays open', async () => {
	const giveUp = new AbortController();
	const reason = new OpenLedgerError('aborted', 'given up', { remedy: '' });
	const attempt = WalletConnection.pair(circumstances(), () => giveUp.abort(reason), giveUp.signal);
	await expect(attempt).rejects.toBe(reason);
	await expect.poll(() => relay.clients).toBe(0);
});

test('a wallet on other chains only is connected, and on another network', async () => {
	await phone.tell('behave', { chains: [1] });
	const connection = await paired();
	expect(connection.chain).toBe(1);
	await expect(connection.request({ method: 'eth_blockNumber' })).rejects.toMatchObject({ code: 4901 });
	const change = { method: 'wallet_switchEthereumChain', params: [{ chainId: numberToHex(foundry.id) }] };
	expect(explain(await connection.request(change).catch((error: unknown) => error)).code).toBe(
		'chain/failed'
	);
	// It learns our chain and shares it: then the page can change to it without asking.
	await phone.tell('share', [1, foundry.id]);
	await expect.poll(() => events).toContain('change');
	expect(await connection.request(change)).toBeNull();
	expect(connection.chain).toBe(foundry.id);
	// And takes it away again.
	await phone.tell('share', [1]);
	await expect.poll(() => connection.chain).toBe(1);
});

test('what the wallet did not agree to is not asked of it', async () => {
	const connection = await paired();
	for (const method of ['eth_sign', 'wallet_sendCalls', 'eth_accounts2'])
		await expect(connection.request({ method, params: [] })).rejects.toMatchObject({ code: 4200 });
	expect(await phone.tell('asked')).toEqual(['session_proposal']);
});

test('after a reload it goes on without a word from the wallet, also where the relay is away at first', async () => {
	const before = await paired();
	before.close();
	await relay.close();
	const after = WalletConnection.restore(circumstances());
	if (!after) throw new Error('forgotten');
	opened.push(after);
	expect(after.accounts).toEqual([phone.address]);
	const error = await after.request(payment()).catch((thrown: unknown) => thrown);
	expect(error).toMatchObject({
		code: 'wallet/disconnected',
		message: 'The relay between page and wallet cannot be reached.'
	});
	await relay.open();
	// Both come back by themselves.
	await expect.poll(() => relay.clients, { timeout: 20_000 }).toBe(2);
	expect(await after.request(payment())).toMatch(/^0x[\da-f]{64}$/);
	expect(await phone.tell('asked')).toEqual(['session_proposal', 'eth_sendTransaction']);
});

test('the relay goes while the wallet is asking: the answer is fetched when it is back', async () => {
	const connection = await paired();
	await phone.tell('behave', { silent: true });
	const answer = connection.request(payment());
	await expect.poll(() => phone.tell('asked')).toContain('eth_sendTransaction');
	relay.cut();
	await expect.poll(() => relay.clients).toBe(1);
	const result = keccak256(stringToHex('sent'));
	await phone.tell('answer', result);
	expect(await answer).toBe(result);
});

test('the wallet ends it: everything says so, and it is forgotten', async () => {
	const connection = await paired();
	await phone.tell('behave', { silent: true });
	const waiting = connection.request(payment()).catch((error: unknown) => error);
	await expect.poll(() => phone.tell('asked')).toContain('eth_sendTransaction');
	await phone.tell('hangUp');
	expect(await waiting).toMatchObject({
		code: 'wallet/disconnected',
		message: 'The wallet has ended the connection.'
	});
	expect(events).toContain('end');
	expect(kept()).toBeUndefined();
	await expect(connection.request({ method: 'eth_chainId' })).rejects.toMatchObject({
		code: 'wallet/disconnected'
	});
});

test('the wallet ended it while the page was closed: the next visit hears of it', async () => {
	(await paired()).close();
	await phone.tell('hangUp');
	const after = WalletConnection.restore(circumstances());
	if (after) opened.push(after);
	await expect.poll(() => events, { timeout: 10_000 }).toContain('end');
	expect(WalletConnection.restore(circumstances())).toBeUndefined();
});

test('we end it: the wallet hears of it and the page forgets it, also while the relay is away', async () => {
	const connection = await paired();
	await connection.end();
	expect(kept()).toBeUndefined();
	await expect.poll(() => phone.tell('sessions')).toBe(0);
	const again = await paired();
	await relay.close();
	await again.end();
	expect(kept()).toBeUndefined();
	await relay.open();
});

test('a relay that does not know the project, does not answer or is not there is named', async () => {
	const failing = (change: Partial<Circumstances>) =>
		WalletConnection.pair(circumstances(change), () => undefined, never).catch((error: unknown) => error);
	expect(await failing({ projectId: 'b'.repeat(32) })).toMatchObject({
		code: 'wallet/disconnected',
		message: 'The relay does not know this project id.'
	});
	expect(await failing({ relay: 'ws://127.0.0.1:9' })).toMatchObject({
		message: 'The relay between page and wallet cannot be reached.'
	});
	relay.mute = true;
	expect(await failing({ patience: 300 })).toMatchObject({
		message: 'The relay between page and wallet does not answer.'
	});
});

test('a hostile relay: made up, damaged, repeated and late messages change nothing', async () => {
	const connection = await paired();
	const { topic, key } = kept() ?? { topic: '', key: '' };
	await phone.tell('share', [1, foundry.id]);
	await expect.poll(() => kept()?.accounts.length).toBe(2);
	await phone.tell('share', [foundry.id]);
	await expect.poll(() => kept()?.accounts.length).toBe(1);
	const [earlier] = relay.kept.filter(({ tag }) => tag === 1104);
	if (!earlier) throw new Error('no update was seen');
	for (const message of [
		'',
		'nonsense',
		'AAAA',
		seal('0'.repeat(64), '{"id":1,"method":"wc_sessionDelete"}'),
		'A'.repeat(2_000_000)
	])
		relay.plant(topic, message);
	const flipped = Buffer.from(earlier.message, 'base64');
	flipped[40] = (flipped[40] ?? 0) ^ 1;
	relay.plant(topic, flipped.toString('base64'));
	// The real updates, the earlier one last: after a reload nobody remembers having heard them.
	connection.close();
	relay.kept.reverse();
	const after = WalletConnection.restore(circumstances());
	if (!after) throw new Error('forgotten');
	opened.push(after);
	expect(await after.request(payment())).toMatch(/^0x/);
	expect(kept()?.accounts.map(([chain]) => chain)).toEqual([foundry.id]);
	// Seen with the key they are what they should be.
	expect(open(key, earlier.message)).toContain('wc_sessionUpdate');
	expect(events).not.toContain('end');
});

test('a hostile wallet: what it says of itself is checked or left out', async () => {
	const connection = await paired();
	const { topic, key } = kept() ?? { topic: '', key: '' };
	let id = Date.now() * 1000;
	const say = (method: string, params: unknown) =>
		relay.plant(topic, seal(key, JSON.stringify({ id: ++id, jsonrpc: '2.0', method, params })));
	const stranger = `eip155:${foundry.id}:0x${'ab'.repeat(20)}`;
	say('wc_sessionEvent', {
		event: { name: 'accountsChanged', data: [stranger] },
		chainId: `eip155:${foundry.id}`
	});
	say('wc_sessionEvent', { event: { name: 'chainChanged', data: 999 }, chainId: 'eip155:999' });
	say('wc_sessionEvent', { event: null, chainId: {} });
	say('wc_sessionUpdate', { namespaces: { eip155: { accounts: ['<b>', 7, null], methods: [] } } });
	say('wc_sessionUpdate', null);
	say('__proto__', {});
	relay.plant(topic, seal(key, '[]'));
	relay.plant(topic, seal(key, '{"id":{},"result":1}'));
	// Repeats and answers to nothing are no answers to something.
	relay.plant(topic, seal(key, `{"id":${id},"jsonrpc":"2.0","result":"0x00"}`));
	expect(await connection.request(payment())).toMatch(/^0x[\da-f]{64}$/);
	expect(connection.accounts).toEqual([phone.address]);
	expect(connection.chain).toBe(foundry.id);
	// 19 digits, as some wallets count: heard, and answered with the same.
	const long = `${BigInt(id) * 1000n + 7n}`;
	relay.plant(topic, seal(key, `{"id":${long},"jsonrpc":"2.0","method":"wc_sessionPing","params":{}}`));
	await expect
		.poll(() => relay.kept.map(({ message }) => open(key, message) ?? ''))
		.toContain(`{"id":${long},"jsonrpc":"2.0","result":true}`);
});
