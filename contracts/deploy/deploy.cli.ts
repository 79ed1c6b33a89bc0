/**
 * Deploys the contracts. Usage: PRIVATE_KEY=0x… node contracts/deploy/deploy.cli.ts RPC_URL [--token ADDRESS]
 * Writes contracts-abi/addresses/CHAIN_ID.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createPublicClient, createWalletClient, http, isAddress, isHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { deploy } from './deploy.ts';

const [url, flag, token] = process.argv.slice(2);
const key = process.env.PRIVATE_KEY;
if (!url || !key || !isHex(key) || (flag && (flag !== '--token' || !token || !isAddress(token)))) {
	console.error('usage: PRIVATE_KEY=0x… node contracts/deploy/deploy.cli.ts RPC_URL [--token ADDRESS]');
	process.exit(1);
}
const transport = http(url);
const publicClient = createPublicClient({ transport });
const walletClient = createWalletClient({ account: privateKeyToAccount(key), transport });
const addresses = await deploy({ publicClient, walletClient }, token && isAddress(token) ? { token } : {});
const chainId = await publicClient.getChainId();
const folder = new URL('../../contracts-abi/addresses/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL(`${chainId}.json`, folder), `${JSON.stringify(addresses, null, '\t')}\n`);
console.log(`chain ${chainId}:`, addresses);
