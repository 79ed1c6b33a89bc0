import {
	decodeFunctionResult,
	encodeFunctionData,
	keccak256,
	parseEther,
	stringToHex,
	type Abi,
	type Address
} from 'viem';
import { afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { gopenAbi } from '../../../contracts-abi/abi/GOPEN.ts';
import { openGovernorAbi } from '../../../contracts-abi/abi/OpenGovernor.ts';
import { rulesAbi } from '../../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { launchRules } from '../../../contracts/deploy/params.ts';
import Host from '#test/support/Host.svelte';
import { PageWallet } from '#test/support/page-wallet.ts';
import {
	delegate,
	execute,
	propose,
	queue,
	rulesProposal,
	settleFee,
	unwrap,
	vote,
	wrap
} from './actions/govern.ts';
import { deposit, withdraw } from './actions/money.ts';
import { readBalances } from './balances.ts';
import { storeNode } from './network.ts';
import { sandbox } from './sandbox.ts';
import { session } from './session.svelte.ts';
import { db } from './transactions/records.ts';
import WalletDialog from './WalletDialog.svelte';
import WalletLine from './WalletLine.svelte';

let rpc: string;
let wallet: PageWallet;
let counter = 0;

beforeAll(async () => {
	rpc = await (await fetch(inject('chainUrl'))).text();
	storeNode(rpc);
}, 60_000);

beforeEach(async () => {
	await db.transactions.clear();
	wallet = new PageWallet(rpc);
	await wallet.fund(parseEther('1000'));
});

afterEach(() => session.leave());

const wish = (title: string, call: { to: Address; data: `0x${string}`; value?: bigint }) => ({
	id: `${title} ${counter++}`,
	title,
	call
});

/** Connects the page wallet as a person would, on the local network. */
async function connected() {
	await session.ready();
	await session.connect(wallet.id);
	const { network, account, node } = await session.reader();
	expect(network.id).toBe(31_337);
	expect(account).toBe(wallet.address);
	return { at: network.addresses, account, node };
}

async function view(
	node: Awaited<ReturnType<typeof session.reader>>['node'],
	to: Address,
	abi: Abi,
	functionName: string,
	args: readonly unknown[] = []
) {
	const data = encodeFunctionData({ abi, functionName, args });
	const answer = await node({ method: 'eth_call', params: [{ to, data }, 'latest'] });
	return decodeFunctionResult({ abi, functionName, data: answer as `0x${string}` });
}

test('the sandbox is there without any wallet, marked as play money, and pays', async () => {
	const screen = await render(WalletLine);
	await expect.element(screen.getByRole('button')).toHaveTextContent('Sandbox play money');
	await session.ready();
	expect(session.sandbox).toBe(true);
	const { network, account, node } = await session.reader();
	const before = await readBalances(node, network.addresses, account);
	const record = await session.complete(wish('deposit', deposit(network.addresses, parseEther('3'))));
	expect(record.state).toBe('confirmed');
	const after = await readBalances(node, network.addresses, account);
	expect(after.prepaid - before.prepaid).toBe(parseEther('3'));
	expect(before.open - after.open).toBe(parseEther('3') + (record.gasUsed ?? 0n) * 10n ** 9n);
});

test('a wallet in the page is found, connected and asked; the same code pays on its network', async () => {
	const { at, account, node } = await connected();
	expect(session.choices.map(({ id }) => id)).toContain(wallet.id);
	expect(session.place).toBe('Local test network');
	const record = await session.complete(wish('deposit', deposit(at, 5n)));
	expect(record.state).toBe('confirmed');
	expect((await readBalances(node, at, account)).prepaid).toBe(5n);
	expect(wallet.asked).toEqual(['eth_sendTransaction']);
});

test('after a reload the wallet is still connected', async () => {
	await connected();
	expect(localStorage.getItem('openledger-wallet-network')).toBe('Local test network');
	const { Wallets } = await import('./wallets.ts');
	const { knownNetworks } = await import('./network.ts');
	const again = await new Wallets(knownNetworks()).start();
	expect(again.account).toBe(wallet.address);
});

test('a no is a no: nothing is sent, and the words say so', async () => {
	const { at } = await connected();
	wallet.manners.refuses = true;
	await expect(session.send(wish('deposit', deposit(at, 5n)))).rejects.toMatchObject({
		code: 'wallet/rejected'
	});
	const other = new PageWallet(rpc);
	other.manners.refuses = true;
	await session.leave();
	await expect(session.connect(other.id)).rejects.toMatchObject({ code: 'wallet/rejected' });
	await session.ready();
	expect(session.sandbox).toBe(true);
});

test('a locked wallet is said to be locked', async () => {
	const { at } = await connected();
	wallet.manners.locked = true;
	await expect(session.send(wish('deposit', deposit(at, 5n)))).rejects.toMatchObject({
		code: 'wallet/locked'
	});
});

test('a wallet on another network can pay nothing until it changes', async () => {
	await connected();
	wallet.changeChain(1);
	await expect.poll(() => session.connected?.chainId).toBe(1);
	expect(session.connected?.network).toBeUndefined();
	await expect(session.reader()).rejects.toMatchObject({ code: 'wallet/wrong-network' });
	const [network] = (await session.networks()).filter(({ rpc: node }) => node);
	if (!network) throw new Error('no network');
	await session.switchTo(network);
	expect(session.connected?.network?.id).toBe(31_337);
});

test('a wallet that lies about its chain is asked for nothing', async () => {
	const { at } = await connected();
	// It changed without a word.
	wallet.manners.says = 1612;
	await expect(session.send(wish('deposit', deposit(at, 5n)))).rejects.toMatchObject({
		code: 'wallet/wrong-network'
	});
	// It claims our chain and shows another.
	wallet.manners = { otherChain: true };
	await expect(session.send(wish('deposit', deposit(at, 5n)))).rejects.toMatchObject({
		code: 'wallet/untruthful'
	});
	expect(wallet.asked).toEqual([]);
	expect(await db.transactions.count()).toBe(0);
});

test('several steps are one question where the wallet offers it, else one each', async () => {
	const { at, account, node } = await connected();
	const steps = () => [wish('wrap', wrap(at, 7n)), wish('delegate', delegate(at, account))];
	await session.completeAll(steps());
	expect(wallet.asked).toEqual(['eth_sendTransaction', 'eth_sendTransaction']);
	wallet.manners.together = true;
	const records = await session.completeAll(steps());
	expect(records.map(({ state }) => state)).toEqual(['confirmed', 'confirmed']);
	expect(wallet.asked.slice(2)).toEqual(['wallet_sendCalls']);
	expect((await readBalances(node, at, account)).gopen).toBe(14n);
	wallet.manners = { together: true, refuses: true };
	await expect(session.completeAll(steps())).rejects.toMatchObject({ code: 'wallet/rejected' });
});

test('in the sandbox: wrap, delegate, propose, vote, queue, execute; the rules change', async () => {
	await session.leave();
	const { network, account, node } = await session.reader();
	const at = network.addresses;
	const governor = (functionName: string, args: readonly unknown[]) =>
		view(node, at.governor, openGovernorAbi as Abi, functionName, args);
	const wrapped = parseEther('2000');
	await session.completeAll([
		wish('deposit', deposit(at, parseEther('60'))),
		wish('wrap', wrap(at, wrapped)),
		wish('delegate', delegate(at, account))
	]);
	await sandbox((api) => api.advance(10));
	const proposal = rulesProposal(
		at,
		{ ...launchRules, cap: 2_000 },
		'A lower cap\n\nSo that no one takes too much.'
	);
	await session.complete(wish('propose', propose(at, proposal)));
	const id = (await governor('getProposalId', [
		proposal.targets,
		proposal.values,
		proposal.calldatas,
		keccak256(stringToHex(proposal.description))
	])) as bigint;
	await expect(session.complete(wish('vote', vote(at, id, 'for')))).rejects.toMatchObject({
		code: 'chain/reverted',
		details: { reason: 'GovernorUnexpectedProposalState' }
	});
	await sandbox((api) => api.advance(86_401));
	await session.complete(wish('vote', vote(at, id, 'for', 'fairer')));
	await expect(session.complete(wish('vote', vote(at, id, 'for')))).rejects.toMatchObject({
		message: 'This account has voted already.'
	});
	await sandbox((api) => api.advance(8 * 86_400));
	await session.complete(wish('queue', queue(at, proposal)));
	await sandbox((api) => api.advance(86_401));
	await session.complete(wish('execute', execute(at, proposal)));
	await session.complete(wish('fee', settleFee(at, id)));
	await sandbox((api) => api.advance(86_401));
	expect(((await view(node, at.rules, rulesAbi as Abi, 'current')) as { cap: number }).cap).toBe(2_000);
	// The fee came back, so all of the deposit can be taken out again.
	const { free } = await readBalances(node, at, account);
	await session.completeAll([
		wish('withdraw', withdraw(at, free, account)),
		wish('unwrap', unwrap(at, wrapped))
	]);
	expect(await readBalances(node, at, account)).toMatchObject({ prepaid: 0n, gopen: 0n });
	expect(await view(node, at.gopen, gopenAbi as Abi, 'totalSupply')).toBe(0n);
	expect(await view(node, at.settlement, settlementAbi as Abi, 'people')).toBe(8);
});

test('the dialog lists the wallets and says what connecting means', async () => {
	const screen = await render(Host, { subject: WalletDialog, with: {} } as never);
	session.dialog = true;
	await expect.element(screen.getByRole('dialog', { name: 'Who pays' })).toBeVisible();
	await expect
		.element(screen.getByRole('button', { name: /^Sandbox/ }))
		.toHaveAttribute('aria-pressed', 'true');
	await screen
		.getByRole('button', { name: /Page wallet/ })
		.last()
		.click();
	await expect.poll(() => session.connected?.account).toBe(wallet.address);
	session.dialog = false;
});
