import { bytesToHex, encodeFunctionData, type Abi, type Address, type Hex } from 'viem';
import { commitment } from '#workers/ledger/refuting.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { books, proxy } from './connection.ts';
import { coreCall } from './core-call.ts';
import { read, type Network, type TitledCall } from './network.ts';
import { keptSalts } from './salts.ts';

/** A watcher's commitment must be this old, in seconds, to earn the reward (Checkpoints.COMMIT_AGE). */
const COMMIT_AGE = 600;

/** The calls that post the roots of all that waits; none where nothing does. Takes seconds for a thousand batches. */
export async function postCalls(
	network: Network,
	posterId: number,
	onProgress: (done: number) => void
): Promise<TitledCall[]> {
	const posting = await books(network, (service, source) =>
		service.posting('post', source, posterId, proxy(onProgress))
	);
	if (!posting) return [];
	const { parent, last, batches, roots, newest } = posting;
	const args = [BigInt(parent), posterId, batches, roots];
	const encode = (functionName: string, values: readonly unknown[]) =>
		encodeFunctionData({ abi: settlementAbi as Abi, functionName, args: values });
	const call = newest
		? coreCall(network, 'multicall', [[encode('mark', []), encode('post', args)]])
		: coreCall(network, 'post', args);
	return [{ title: 'Post a reward root', id: `post ${network.chain.id} ${parent} ${last}`, ...call }];
}

export function finaliseCalls(network: Network, checkpoint: number): TitledCall[] {
	const id = `finalise ${network.chain.id} ${checkpoint}`;
	return [{ title: 'Make a root final', id, ...coreCall(network, 'finalise', [BigInt(checkpoint)]) }];
}

/**
 * The next calls against a wrong root: first its refutation is announced where there is time, so that nobody can take the reward by
 * copying it; ten minutes later it is refuted. None while those minutes pass.
 * @param deadline until when it can be refuted, seconds since the epoch
 * @param now the chain's clock
 */
export async function refuteCalls(
	network: Network & { account: Address },
	checkpoint: number,
	deadline: number,
	now: number
): Promise<TitledCall[]> {
	const { chain, account } = network;
	const announced = await announcedAt(network, checkpoint);
	if (announced && announced + COMMIT_AGE > now && deadline - announced > COMMIT_AGE) return [];
	const salt =
		keptSalts.get(chain.id, account, checkpoint)?.salt ??
		bytesToHex(crypto.getRandomValues(new Uint8Array(32)));
	const found = await books(network, (service, source) =>
		service.refutation('refute', source, checkpoint, salt)
	);
	const id = `${chain.id} ${account} ${checkpoint}`;
	if (!announced && deadline - now > 2 * COMMIT_AGE) {
		const hash = commitment(account, found, salt);
		// Before the wallet is asked: without the salt an announcement is worth nothing.
		keptSalts.put(chain.id, account, checkpoint, { salt, commitment: hash });
		return [{ title: 'Announce a refutation', id: `commit ${id}`, ...coreCall(network, 'commit', [hash]) }];
	}
	return found.calls.map(({ functionName, args }, i) => ({
		title: 'Refute a root',
		id: `refute ${id} ${functionName} ${i}`,
		...coreCall(network, functionName, args)
	}));
}

/** Seconds until the announced refutation of a root can be made; 0 or less where it can, or where none was announced. */
export function readyIn(announced: number | undefined, now: number): number {
	return announced ? announced + COMMIT_AGE - now : 0;
}

/** When this account announced the refutation of a root, by the chain's clock in seconds; undefined where it did not. */
export async function announcedAt(
	{ chain, account, request }: Network,
	checkpoint: number
): Promise<number | undefined> {
	const kept = account && keptSalts.get(chain.id, account, checkpoint);
	if (!kept) return undefined;
	const at = await read(request, {
		address: chain.addresses.settlement,
		abi: settlementAbi,
		functionName: 'committedAt',
		args: [kept.commitment as Hex]
	});
	return at > 0n ? Number(at) : undefined;
}
