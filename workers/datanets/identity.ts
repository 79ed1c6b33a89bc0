import { recoverTypedDataAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { OpenLedgerError } from '../errors.ts';
import { DATANET_DOMAIN, type Signer } from './batch.ts';
import type { Hex } from './hash.ts';

/**
 * Who contributes before there is a wallet: a secp256k1 key made on this device. Its address stands in every row. A
 * link, signed by both, later says which wallet it belongs to; rows never change for it.
 */

/** A fresh private key from the platform's random source. */
export function generateLocalKey(): Hex {
	return generatePrivateKey();
}

export function localSigner(privateKey: Hex): Signer {
	const account = privateKeyToAccount(privateKey);
	return {
		address: account.address.toLowerCase() as Hex,
		signTypedData: (data) => account.signTypedData(data)
	};
}

export interface WalletLink {
	key: Hex;
	wallet: Hex;
	/** ISO 8601, UTC, whole seconds. Of two links of one key the later holds. */
	created: string;
	/** Without the key's consent a wallet could claim a stranger's rows; without the wallet's, a key could name any. */
	keySignature: Hex;
	walletSignature: Hex;
}

const LINK_STATEMENT =
	'Rows signed by this key are mine; credit for them goes to this wallet. This moves no money and gives no permission to spend.';

function linkTypedData(link: Pick<WalletLink, 'key' | 'wallet' | 'created'>) {
	return {
		domain: DATANET_DOMAIN,
		types: {
			WalletLink: [
				{ name: 'statement', type: 'string' },
				{ name: 'key', type: 'address' },
				{ name: 'wallet', type: 'address' },
				{ name: 'created', type: 'string' }
			]
		},
		primaryType: 'WalletLink',
		message: { statement: LINK_STATEMENT, key: link.key, wallet: link.wallet, created: link.created }
	} as const;
}

/** Asks both for their signature: the key silently, the wallet in its own dialog. */
export async function linkWallet(key: Signer, wallet: Signer, created: Date): Promise<WalletLink> {
	const link = {
		key: key.address.toLowerCase() as Hex,
		wallet: wallet.address.toLowerCase() as Hex,
		created: `${created.toISOString().slice(0, 19)}Z`
	};
	const walletSignature = await wallet.signTypedData(linkTypedData(link));
	return { ...link, keySignature: await key.signTypedData(linkTypedData(link)), walletSignature };
}

/**
 * Throws `datanet/bad-signature` unless key and wallet both signed. A contract wallet's signature (ERC-1271) needs a
 * chain to ask and is refused here.
 */
export async function verifyLink(link: WalletLink): Promise<void> {
	const data = linkTypedData(link);
	const recover = (signature: Hex) =>
		recoverTypedDataAddress({ ...data, signature }).then(
			(address) => address.toLowerCase(),
			() => undefined
		);
	const [key, wallet] = await Promise.all([recover(link.keySignature), recover(link.walletSignature)]);
	if (key !== link.key || wallet !== link.wallet)
		throw new OpenLedgerError(
			'datanet/bad-signature',
			'A statement that links a key to a wallet is not signed by both.',
			{ remedy: 'Link the wallet again on the device that holds the key.', details: { key: link.key } }
		);
}
