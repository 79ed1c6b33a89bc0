import { createWalletClient, http, numberToHex, type Address, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';

interface ProviderRequest {
	method: string;
	params?: unknown;
}

/** What the wallet does otherwise than a good one. */
interface Manners {
	/** Rejects what asks the person. */
	refuses?: boolean;
	/** Behaves as when it is locked. */
	locked?: boolean;
	/** The chain id it claims. */
	says?: number;
	/** Shows blocks of a chain of its own. */
	otherChain?: boolean;
	/** Offers to run several calls together (EIP-5792). */
	together?: boolean;
}

let counter = 0;

/** A wallet in the page: a local key behind EIP-1193, announced by EIP-6963 as an extension's is. Its node is anvil. */
export class PageWallet {
	manners: Manners = {};
	readonly asked: string[] = [];
	readonly id = `org.openledger.test-${counter++}`;
	readonly #rpc: string;
	readonly #account = privateKeyToAccount(generatePrivateKey());
	readonly #listeners = new Map<string, Set<(value: unknown) => void>>();
	readonly #batches = new Map<string, Hex[]>();

	constructor(rpc: string) {
		this.#rpc = rpc;
		const info = Object.freeze({
			uuid: crypto.randomUUID(),
			name: 'Page wallet',
			icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>',
			rdns: this.id
		});
		const provider = {
			request: (request: ProviderRequest) => this.#request(request),
			on: (event: string, listener: (value: unknown) => void) => {
				if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
				this.#listeners.get(event)?.add(listener);
			},
			removeListener: (event: string, listener: (value: unknown) => void) =>
				this.#listeners.get(event)?.delete(listener)
		};
		const announce = () =>
			window.dispatchEvent(
				new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) })
			);
		window.addEventListener('eip6963:requestProvider', announce);
		announce();
	}

	get address(): Address {
		return this.#account.address;
	}

	/** Gives its account some of anvil's coin. */
	async fund(wei: bigint): Promise<void> {
		await this.node('anvil_setBalance', [this.address, numberToHex(wei)]);
	}

	async node(method: string, params: unknown[] = []): Promise<unknown> {
		const response = await fetch(this.#rpc, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
		});
		const { result, error } = await response.json();
		if (error) throw error;
		return result;
	}

	/** Moves to another chain, as when the person does it in the wallet. */
	changeChain(id: number): void {
		this.manners.says = id;
		for (const listener of this.#listeners.get('chainChanged') ?? []) listener(numberToHex(id));
	}

	async #request({ method, params }: ProviderRequest): Promise<unknown> {
		const list = (params ?? []) as never[];
		const { refuses, locked, says = foundry.id, otherChain, together } = this.manners;
		switch (method) {
			case 'eth_chainId':
				return numberToHex(says);
			case 'eth_accounts':
				return locked ? [] : [this.address];
			case 'eth_requestAccounts':
				if (refuses) throw { code: 4001, message: 'User rejected the request.' };
				if (locked) throw { code: -32002, message: 'Request already pending.' };
				return [this.address];
			case 'wallet_requestPermissions':
				if (refuses) throw { code: 4001, message: 'User rejected the request.' };
				return [
					{
						parentCapability: 'eth_accounts',
						caveats: [{ type: 'restrictReturnedAccounts', value: [this.address] }]
					}
				];
			case 'wallet_revokePermissions':
				return null;
			case 'wallet_switchEthereumChain': {
				const [{ chainId }] = list as unknown as [{ chainId: Hex }];
				if (Number(chainId) !== foundry.id) throw { code: 4902, message: 'Unrecognized chain.' };
				this.changeChain(foundry.id);
				return null;
			}
			case 'eth_getBlockByNumber': {
				const block = (await this.node(method, list)) as object;
				return otherChain ? { ...block, hash: `0x${'e'.repeat(64)}` } : block;
			}
			case 'eth_sendTransaction': {
				this.asked.push(method);
				if (refuses) throw { code: 4001, message: 'User rejected the request.' };
				if (locked) throw { code: 4100, message: 'Unauthorized.' };
				return this.#send(list[0] as unknown as { to: Address; data?: Hex; value?: Hex });
			}
			case 'wallet_getCapabilities':
				if (!together) throw { code: 4200, message: 'Unsupported method.' };
				return { [numberToHex(foundry.id)]: { atomic: { status: 'supported' } } };
			case 'wallet_sendCalls': {
				this.asked.push(method);
				if (refuses) throw { code: 4001, message: 'User rejected the request.' };
				const [{ calls }] = list as unknown as [{ calls: { to: Address; data: Hex; value: Hex }[] }];
				const hashes: Hex[] = [];
				for (const call of calls) hashes.push(await this.#send(call));
				const id = `batch ${this.#batches.size}`;
				this.#batches.set(id, hashes);
				return { id };
			}
			case 'wallet_getCallsStatus': {
				const hashes = this.#batches.get(list[0] as unknown as string) ?? [];
				const receipts = await Promise.all(
					hashes.map((hash) => this.node('eth_getTransactionReceipt', [hash]))
				);
				return { version: '2.0.0', chainId: numberToHex(foundry.id), status: 200, atomic: true, receipts };
			}
			default:
				return this.node(method, list);
		}
	}

	#send({ to, data, value }: { to: Address; data?: Hex; value?: Hex }): Promise<Hex> {
		const client = createWalletClient({ account: this.#account, chain: foundry, transport: http(this.#rpc) });
		return client.sendTransaction({ to, data, value: value ? BigInt(value) : 0n });
	}
}
