import { isAddressEqual, type Hex, type TypedDataDefinition } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { SandboxAccount } from './api.ts';
import { people, personKey } from './people.ts';
import { readAddress, readHex } from './params.ts';
import { RpcError, rpcCodes } from './rpc-error.ts';

/** The play-money wallet: the user's own key, made on this device, and those of the made-up people. */
export class SandboxWallet {
	readonly #key: Hex;
	#made: { name: string; part?: string; account: PrivateKeyAccount }[] | undefined;

	/** @param key the user's. */
	constructor(key: Hex) {
		this.#key = key;
	}

	/** Made when first asked for: nine addresses out of keys take longer than a call of a contract. */
	get #accounts() {
		return (this.#made ??= [
			{ name: 'You', account: privateKeyToAccount(this.#key) },
			...people.map(({ name, part }) => ({ name, part, account: privateKeyToAccount(personKey(name)) }))
		]);
	}

	get accounts(): SandboxAccount[] {
		return this.#accounts.map(({ name, part, account }) => ({ name, part, address: account.address }));
	}

	/** Makes an account the first. Throws `RpcError` for a stranger's. */
	select(address: Hex): void {
		const chosen = this.#entry(address);
		this.#accounts.splice(this.#accounts.indexOf(chosen), 1);
		this.#accounts.unshift(chosen);
	}

	account(address: Hex): PrivateKeyAccount {
		return this.#entry(address).account;
	}

	/** personal_sign: [message in hex, address]. */
	async personalSign([message, address]: unknown[]): Promise<Hex> {
		const account = this.account(readAddress(address));
		return account.signMessage({ message: { raw: readHex(message) } });
	}

	/** eth_signTypedData_v4: [address, JSON text or object]. */
	async signTypedData([address, text]: unknown[]): Promise<Hex> {
		const account = this.account(readAddress(address));
		let data: TypedDataDefinition;
		try {
			data = typeof text === 'string' ? JSON.parse(text) : text;
			return await account.signTypedData(data);
		} catch (error) {
			throw new RpcError(rpcCodes.badParams, 'typed data (EIP-712) expected', undefined, error);
		}
	}

	#entry(address: Hex) {
		const entry = this.#accounts.find(({ account }) => isAddressEqual(account.address, address));
		if (!entry) throw new RpcError(rpcCodes.unauthorised, `${address} is no account of this wallet`);
		return entry;
	}
}
