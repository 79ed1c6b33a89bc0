import { SignClient } from '@walletconnect/sign-client';
import { createWalletClient, http, type Address, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';

/** The phone's own process (phone-wallet.ts): the client that wallets are built with, signing by viem. */
let client: Awaited<ReturnType<typeof SignClient.init>>;
const account = privateKeyToAccount(generatePrivateKey());
let rpc = '';
let manners: { refuses?: boolean; silent?: boolean; chains: number[] } = { chains: [foundry.id] };
let asked: string[] = [];

// The client throws where nobody can catch it when sessions end.
process.on('unhandledRejection', () => undefined);

const actions = {
	async start(projectId: string, relayUrl: string, node: string): Promise<Address> {
		await client?.core.relayer.transportClose();
		rpc = node;
		asked = [];
		manners = { chains: [foundry.id] };
		client = await SignClient.init({
			projectId,
			relayUrl,
			metadata: { name: 'Phone \u202ewallet', description: 'A test', url: 'https://example.org', icons: [] },
			storageOptions: { database: ':memory:' },
			customStoragePrefix: Math.random().toString(36),
			telemetryEnabled: false,
			logger: 'silent'
		});
		client.on('session_proposal', ({ id, params }) => {
			asked.push('session_proposal');
			const { refuses, chains } = manners;
			if (refuses) return void client.reject({ id, reason: { code: 5000, message: 'User rejected.' } });
			const { methods = [], events = [] } = params.optionalNamespaces['eip155'] ?? {};
			void client.approve({ id, namespaces: { eip155: { ...shared(chains), methods, events } } });
		});
		client.on('session_request', ({ id, topic, params: { request } }) => {
			asked.push(request.method);
			const answer = (outcome: object) =>
				void client.respond({ topic, response: { id, jsonrpc: '2.0', ...outcome } as never });
			if (manners.silent) return;
			if (manners.refuses) return answer({ error: { code: 5000, message: 'User rejected.' } });
			sign(request.method, request.params as never).then(
				(result) => answer({ result }),
				(error: Error) => answer({ error: { code: -32_000, message: error.message } })
			);
		});
		return account.address;
	},
	async behave(change: object): Promise<void> {
		manners = { ...manners, ...change };
	},
	asked: async () => asked,
	sessions: async () => client.session.length,
	/** Takes what the page shows as a code. */
	async scan(uri: string): Promise<void> {
		await client.pair({ uri });
	},
	/** Shares accounts on these chains instead. */
	async share(chains: number[]): Promise<void> {
		const [session] = client.session.getAll();
		const before = session?.namespaces['eip155'];
		if (!session || !before) throw new Error('no session');
		// Not waited for: the client sometimes misses the answer.
		await client.update({ topic: session.topic, namespaces: { eip155: { ...before, ...shared(chains) } } });
	},
	/** Answers what was left unanswered. */
	async answer(result: string): Promise<void> {
		for (const { id, topic } of client.getPendingSessionRequests())
			await client.respond({ topic, response: { id, jsonrpc: '2.0', result } });
	},
	/** Ends the connection, as in its list of connected apps. */
	async hangUp(): Promise<void> {
		for (const { topic } of client.session.getAll())
			await client.disconnect({ topic, reason: { code: 6000, message: 'User disconnected.' } });
	}
};
export type PhoneActions = typeof actions;

function shared(chains: number[]) {
	return {
		chains: chains.map((chain) => `eip155:${chain}`),
		accounts: chains.map((chain) => `eip155:${chain}:${account.address}`)
	};
}

async function sign(method: string, params: never): Promise<Hex> {
	if (method === 'eth_signTypedData_v4') return account.signTypedData(JSON.parse(params[1]) as never);
	if (method !== 'eth_sendTransaction') throw new Error(`no ${method}`);
	const wallet = createWalletClient({ account, chain: foundry, transport: http(rpc) });
	const [{ to, data, value }] = params as [{ to: Address; data: Hex; value?: Hex }];
	return wallet.sendTransaction({ to, data, value: BigInt(value ?? 0) });
}

process.on('message', ({ id, action, args }: { id: number; action: keyof PhoneActions; args: never[] }) => {
	(actions[action] as (...all: never[]) => Promise<unknown>)(...args).then(
		(result) => process.send?.({ id, result }),
		(error: unknown) => process.send?.({ id, error: String(error) })
	);
});
