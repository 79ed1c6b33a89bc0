import {
	concatHex,
	encodeAbiParameters,
	encodeDeployData,
	getContractAddress,
	getCreate2Address,
	stringToHex,
	zeroAddress,
	type Abi,
	type Address,
	type Hex
} from 'viem';
import { bytecode } from '../../contracts-abi/bytecode.ts';
import { auditAbi } from '../../contracts-abi/abi/Audit.ts';
import { datanetsAbi } from '../../contracts-abi/abi/Datanets.ts';
import { gopenAbi } from '../../contracts-abi/abi/GOPEN.ts';
import { modelsAbi } from '../../contracts-abi/abi/Models.ts';
import { openGovernorAbi } from '../../contracts-abi/abi/OpenGovernor.ts';
import { rulesAbi } from '../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import { splitterAbi } from '../../contracts-abi/abi/Splitter.ts';
import { stakingAbi } from '../../contracts-abi/abi/Staking.ts';
import { timelockControllerAbi } from '../../contracts-abi/abi/TimelockController.ts';
import { tokenEdgeAbi } from '../../contracts-abi/abi/TokenEdge.ts';
import { launchRules, timelockDelay, type RulesParams } from './params.ts';

/** The CREATE2 proxy that most chains carry (github.com/Arachnid/deterministic-deployment-proxy). */
export const create2Proxy: Address = '0x4e59b44847b379578588920cA78FbF26c0B4956C';

const salt = stringToHex('openledger', { size: 32 });

/** In the order of deployment; the edge comes last and only where OPEN is an ERC-20. */
const order = [
	'gopen',
	'timelock',
	'rules',
	'settlement',
	'datanets',
	'models',
	'staking',
	'audit',
	'governor',
	'splitter',
	'edge'
] as const;

export type ContractName = (typeof order)[number];
export type Addresses = Record<ContractName | 'deployer', Address>;

export interface DeploymentOptions {
	/** Whose key deploys. The addresses follow from it alone, on every chain. */
	owner: Address;
	/** The ERC-20 OPEN; absent where OPEN is the chain's own coin. */
	token?: Address;
	rules?: RulesParams;
}

export interface DeploymentPlan {
	addresses: Addresses;
	/** Data of the transaction to `create2Proxy` that makes the deployer. */
	deployerData: Hex;
	/** Creation code with arguments, in order; each is one Deployer.deploy. */
	steps: { name: ContractName; address: Address; initCode: Hex }[];
}

/** All addresses of a deployment. `edge` is zero where OPEN is native. */
export function deploymentAddresses({ owner, token }: Pick<DeploymentOptions, 'owner' | 'token'>): Addresses {
	const deployer = getCreate2Address({ from: create2Proxy, salt, bytecode: deployerCode(owner) });
	const entries = order.map((name, i) => {
		const absent = name === 'edge' && !token;
		return [name, absent ? zeroAddress : getContractAddress({ from: deployer, nonce: BigInt(i + 1) })] as const;
	});
	return { ...(Object.fromEntries(entries) as Record<ContractName, Address>), deployer };
}

/** What to send, and where everything will be. Pure: it asks no chain. */
export function planDeployment(options: DeploymentOptions): DeploymentPlan {
	const addresses = deploymentAddresses(options);
	const codes = creationCodes(addresses, options);
	const steps = order
		.filter((name) => name !== 'edge' || options.token)
		.map((name) => ({ name, address: addresses[name], initCode: codes[name] }));
	return { addresses, deployerData: concatHex([salt, deployerCode(options.owner)]), steps };
}

function deployerCode(owner: Address): Hex {
	return concatHex([bytecode.Deployer, encodeAbiParameters([{ type: 'address' }], [owner])]);
}

function creationCodes(at: Addresses, { token, rules = launchRules }: DeploymentOptions): Record<ContractName, Hex> {
	const code = (abi: Abi, hex: Hex, args: readonly unknown[]) => encodeDeployData({ abi, bytecode: hex, args });
	const { settlement, timelock, datanets, models, staking, audit, governor, splitter, edge } = at;
	const modules = { rules: at.rules, models, splitter, datanets, staking, audit, governor, treasury: timelock, edge };
	return {
		gopen: code(gopenAbi, bytecode.GOPEN, []),
		// Executors: the zero address, so anyone may execute what was voted and waited for. No admin.
		timelock: code(timelockControllerAbi, bytecode.TimelockController, [timelockDelay, [governor], [zeroAddress], zeroAddress]),
		rules: code(rulesAbi, bytecode.Rules, [timelock, rules]),
		settlement: code(settlementAbi, bytecode.Settlement, [modules]),
		datanets: code(datanetsAbi, bytecode.Datanets, [settlement, at.rules, timelock]),
		models: code(modelsAbi, bytecode.Models, [settlement, at.rules, datanets, timelock]),
		staking: code(stakingAbi, bytecode.Staking, [settlement, audit, timelock]),
		audit: code(auditAbi, bytecode.Audit, [settlement, at.rules, models, datanets, staking]),
		governor: code(openGovernorAbi, bytecode.OpenGovernor, [at.gopen, timelock, settlement, at.rules]),
		splitter: code(splitterAbi, bytecode.Splitter, [at.rules, models]),
		edge: code(tokenEdgeAbi, bytecode.TokenEdge, [token ?? zeroAddress, settlement])
	};
}
