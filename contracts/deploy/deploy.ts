import { parseEther, type Account, type Address, type Chain, type Hex, type PublicClient, type Transport, type WalletClient } from 'viem';
import { deployerAbi } from '../../contracts-abi/abi/Deployer.ts';
import { create2Proxy, planDeployment, type Addresses, type DeploymentOptions } from './plan.ts';

/** The proxy's own pre-signed deployment and its sender (github.com/Arachnid/deterministic-deployment-proxy). */
const proxySender: Address = '0x3fAB184622Dc19b6109349B94811493BF2a45362';
const proxyTransaction: Hex =
	'0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222';

interface Clients {
	publicClient: PublicClient;
	walletClient: WalletClient<Transport, Chain | undefined, Account>;
}

/**
 * Deploys what is missing and returns the addresses; may be run again after an interruption. Works on any EIP-1193 chain: anvil,
 * an RPC URL, the chain in the tab.
 */
export async function deploy(clients: Clients, options: Omit<DeploymentOptions, 'owner'> = {}): Promise<Addresses> {
	const { publicClient, walletClient } = clients;
	const { account } = walletClient;
	const chain = walletClient.chain ?? null;
	const plan = planDeployment({ owner: account.address, ...options });
	const exists = async (address: Address) => ((await publicClient.getCode({ address })) ?? '0x') !== '0x';
	const mined = async (hash: Hex) => {
		const receipt = await publicClient.waitForTransactionReceipt({ hash });
		if (receipt.status !== 'success') throw new Error(`deployment transaction ${hash} reverted`);
	};

	if (!(await exists(create2Proxy))) {
		await mined(await walletClient.sendTransaction({ account, chain, to: proxySender, value: parseEther('0.01') }));
		await mined(await publicClient.sendRawTransaction({ serializedTransaction: proxyTransaction }));
	}
	const { deployer } = plan.addresses;
	if (!(await exists(deployer))) {
		await mined(await walletClient.sendTransaction({ account, chain, to: create2Proxy, data: plan.deployerData }));
	}
	for (const { name, address, initCode } of plan.steps) {
		if (await exists(address)) continue;
		const call = { account, chain, address: deployer, abi: deployerAbi, functionName: 'deploy', args: [initCode] } as const;
		await mined(await walletClient.writeContract(call));
		if (!(await exists(address))) throw new Error(`${name} did not arrive at ${address}: was the deployer used for something else?`);
	}
	return plan.addresses;
}
