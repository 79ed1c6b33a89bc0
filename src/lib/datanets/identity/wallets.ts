import type { EIP1193Provider, TypedDataDefinition } from 'viem';
import type { Hex } from '#workers/datanets/hash.ts';
import { OpenLedgerError } from '#workers/errors.ts';

/** A wallet that has made itself known to the page. */
export interface Wallet {
	/** Its own, in reverse domain name form; `injected` for one that does not say. */
	id: string;
	name: string;
	provider: EIP1193Provider;
}

/** How long wallets may take to answer, in ms; they do so at once (EIP-6963). */
const ANSWER = 150;

/** Wallets of this browser, by EIP-6963; without any, the one that older wallets inject. */
export async function findWallets(): Promise<Wallet[]> {
	const found = new Map<string, Wallet>();
	const take = (event: Event) => {
		const { detail } = event as CustomEvent<{
			info?: { rdns?: unknown; name?: unknown };
			provider?: EIP1193Provider;
		}>;
		const { info, provider } = detail ?? {};
		if (typeof info?.rdns !== 'string' || typeof info.name !== 'string' || !provider) return;
		found.set(info.rdns, { id: info.rdns, name: info.name.slice(0, 60), provider });
	};
	addEventListener('eip6963:announceProvider', take);
	dispatchEvent(new Event('eip6963:requestProvider'));
	await new Promise((resolve) => setTimeout(resolve, ANSWER));
	removeEventListener('eip6963:announceProvider', take);
	const { ethereum } = window as { ethereum?: EIP1193Provider };
	if (found.size === 0 && ethereum) return [{ id: 'injected', name: 'Browser wallet', provider: ethereum }];
	return [...found.values()];
}

/** The account that the person lets this page see. Throws `wallet/*`. */
export async function accountOf({ provider, name }: Wallet): Promise<Hex> {
	const [account] = await asked(name, () => provider.request({ method: 'eth_requestAccounts' }));
	if (account) return account.toLowerCase() as Hex;
	throw failed(name);
}

/** A signature over typed data (EIP-712): costs nothing and sends nothing. Throws `wallet/*`. */
export async function signWith(
	{ provider, name }: Wallet,
	account: Hex,
	data: TypedDataDefinition
): Promise<Hex> {
	const { createWalletClient, custom } = await import('viem');
	const client = createWalletClient({ transport: custom(provider) });
	return asked(name, () => client.signTypedData({ ...data, account }));
}

async function asked<T>(name: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (cause) {
		if (isRefusal(cause))
			throw new OpenLedgerError('wallet/refused', 'You did not allow it in your wallet.', {
				remedy: 'Nothing was changed. Try again whenever you like.',
				cause
			});
		throw failed(name, cause);
	}
}

/** EIP-1193's 4001, which viem wraps. */
function isRefusal(error: unknown): boolean {
	for (let at = error, depth = 0; at && depth < 5; depth++, at = (at as { cause?: unknown }).cause)
		if ((at as { code?: unknown }).code === 4001) return true;
	return false;
}

function failed(name: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('wallet/failed', `“${name}” did not answer as a wallet should.`, {
		remedy: 'Unlock it, or open its window, then try again.',
		cause
	});
}
