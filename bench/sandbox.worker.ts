import { encodeFunctionData, type Hex } from 'viem';
import addresses from '../contracts-abi/addresses/87206178739010.json' with { type: 'json' };
import { settlementAbi } from '../contracts-abi/abi/Settlement.ts';
import { appGenesis } from '#workers/chain/app-genesis.ts';
import { Sandbox } from '#workers/chain/sandbox.ts';
import { ChainDb } from '#workers/chain/store.ts';

const BOOTS = 9;
const WRITES = 40;

export interface SandboxTimes {
	/** Milliseconds of each first start: contracts, people and money are put on disk. */
	first: number[];
	/** Of each later start: from nothing in memory to the first answer of a contract. */
	boot: number[];
	/** Of each settlement, from the request to its hash: signed, run and on disk. */
	write: number[];
}

async function answer(sandbox: Sandbox, method: string, params: unknown[] = []): Promise<unknown> {
	const outcome = await sandbox.request({ method, params });
	if ('error' in outcome) throw new Error(`${method}: ${outcome.error.message}`);
	return outcome.result;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

async function measure(): Promise<SandboxTimes> {
	const times: SandboxTimes = { first: [], boot: [], write: [] };
	const open = (name: string) => new Sandbox(new ChainDb(name), { genesis: appGenesis });
	const data = encodeFunctionData({ abi: settlementAbi, functionName: 'people' });
	const question = { method: 'eth_call', params: [{ to: addresses.settlement, data }, 'latest'] };
	for (let i = 0; i < BOOTS; i++) {
		const sandbox = open(`bench ${i}`);
		times.first.push(await timed(() => sandbox.request(question)));
		await sandbox.close();
	}

	const sandbox = open('bench 0');
	const [from] = (await answer(sandbox, 'eth_accounts')) as Hex[];
	const settlement = addresses.settlement;
	const send = (data: Hex, value = '0x0') =>
		answer(sandbox, 'eth_sendTransaction', [{ from, to: settlement, data, value }]);
	await send(encodeFunctionData({ abi: settlementAbi, functionName: 'deposit' }), '0x56bc75e2d63100000');
	for (let nonce = 0; nonce < WRITES; nonce++) {
		const transcripts: Hex = `0x${nonce.toString(16).padStart(64, '0')}`;
		const args = [2, 0, 10n ** 15n, nonce, transcripts, '0x'] as const;
		const data = encodeFunctionData({ abi: settlementAbi, functionName: 'settle', args });
		times.write.push(await timed(() => send(data)));
	}
	await sandbox.close();
	for (let i = 0; i < BOOTS; i++) {
		const again = open('bench 0');
		times.boot.push(await timed(() => again.request(question)));
		await again.close();
	}
	return times;
}

void measure().then((times) => self.postMessage(times));
