import { decodeErrorResult, type Abi, type Hex } from 'viem';
import { auditAbi } from '../../../contracts-abi/abi/Audit.ts';
import { openGovernorAbi } from '../../../contracts-abi/abi/OpenGovernor.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { stakingAbi } from '../../../contracts-abi/abi/Staking.ts';
import { datanetsAbi } from '../../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../../contracts-abi/abi/Models.ts';
import { gopenAbi } from '../../../contracts-abi/abi/GOPEN.ts';
import { timelockControllerAbi } from '../../../contracts-abi/abi/TimelockController.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { reasons } from './reasons.ts';

/** Every error that one of our contracts can return. */
const contractErrors: Abi = [
	settlementAbi,
	auditAbi,
	openGovernorAbi,
	stakingAbi,
	datanetsAbi,
	modelsAbi,
	gopenAbi,
	timelockControllerAbi
].flatMap((abi) => (abi as Abi).filter(({ type }) => type === 'error'));

/** Codes of EIP-1193 and of the wallets that came before it. */
const USER_REJECTED = 4001;
const UNAUTHORISED = 4100;
const DISCONNECTED = [4900, 4901];
const UNKNOWN_CHAIN = 4902;
const REQUEST_PENDING = -32_002;
const METHOD_UNKNOWN = [-32_601, 4200];

/**
 * Whatever a wallet, a node or viem threw, as one sentence and what to do. Goes by codes and by what the contract returned; by
 * message only for the node's own complaints, which have no codes (geth, reth and anvil all say `insufficient funds`).
 */
export function explain(thrown: unknown): OpenLedgerError {
	const ours = within(thrown);
	if (ours) return ours;
	const chain = [...causes(thrown)];
	const codes = chain.map(({ code }) => code);
	const has = (...wanted: number[]) => wanted.some((code) => codes.includes(code));
	const make = (...[code, message, remedy]: [OpenLedgerError['code'], string, string]) =>
		new OpenLedgerError(code, message, { remedy, cause: thrown, details: facts(chain) });

	if (has(USER_REJECTED))
		return make('wallet/rejected', 'You did not sign, so nothing was sent.', 'Try again whenever you like.');
	if (has(REQUEST_PENDING))
		return make(
			'wallet/locked',
			'The wallet is already waiting for you.',
			'Open the wallet and answer what it asks there.'
		);
	const data = chain.map(({ data }) => data).find(isRevertData);
	if (data) return reverted(data, thrown);
	if (has(UNAUTHORISED))
		return make(
			'wallet/locked',
			'The wallet is locked, or this account is not shared with this page.',
			'Unlock the wallet, or connect it again and share the account.'
		);
	if (has(...DISCONNECTED))
		return make(
			'wallet/disconnected',
			'The wallet has no connection to its network.',
			'Check the wallet’s network, then try again.'
		);
	if (has(UNKNOWN_CHAIN))
		return make(
			'wallet/wrong-network',
			'The wallet does not know this network.',
			'Add the network in the wallet, then try again.'
		);
	if (has(...METHOD_UNKNOWN))
		return make('wallet/unsupported', 'This wallet cannot do that.', 'Use another wallet for this step.');

	// Also where the page came under another type. What the parser says of it is nobody's concern.
	if (chain.some(({ name }) => name === 'SyntaxError'))
		return new OpenLedgerError(
			'chain/malformed',
			'The network’s address sent something that no node would send.',
			{
				remedy:
					'Check the address of the node in the settings, and whether this network wants you to sign in first.',
				cause: thrown
			}
		);

	const words = chain.map(({ message, details }) => `${message} ${details}`).join(' ');
	if (/insufficient funds|balance (is )?(too low|lower)|upfront cost|exceeds? (the )?balance/i.test(words))
		return make(
			'chain/insufficient-funds',
			'This account has too little OPEN for the amount and the gas.',
			'Add OPEN, or choose a smaller amount.'
		);
	if (/nonce (is )?too low|nonce mismatch|already known|doesn't have the correct nonce/i.test(words))
		return make(
			'chain/nonce',
			'This account has sent something else in the meantime.',
			'Look at what is pending, then try again.'
		);
	if (/underpriced|max ?fee ?per ?gas/i.test(words))
		return make(
			'chain/underpriced',
			'The fee is lower than the network now asks for.',
			'Try again with the wallet’s suggested fee.'
		);
	if (/execution reverted|revert/i.test(words))
		return make(
			'chain/reverted',
			'The contract refuses this, without a reason.',
			'Read the page again; something has changed.'
		);
	if (/timed? ?out|timeout|took too long/i.test(words) || chain.some(({ name }) => name === 'TimeoutError'))
		return make(
			'chain/unreachable',
			'The network does not answer.',
			'Check the connection, then try again. Nothing is lost.'
		);
	if (
		chain.some(({ name }) => name === 'HttpRequestError') ||
		/fetch failed|Failed to fetch|NetworkError|ECONNREFUSED/i.test(words)
	)
		return make(
			'chain/unreachable',
			'The network cannot be reached.',
			'Check the connection, then try again. Nothing is lost.'
		);
	return make(
		'chain/failed',
		'The wallet or the network refused this.',
		'Try again. If it goes on, the details say what was answered.'
	);
}

/** A revert's own reason in words. */
export function reverted(data: Hex, cause?: unknown): OpenLedgerError {
	let name = '';
	let args: readonly unknown[] = [];
	try {
		const decoded = decodeErrorResult({ abi: contractErrors, data });
		name = decoded.errorName;
		args = decoded.args ?? [];
	} catch {
		// Not one of ours.
	}
	const [message, remedy] = reasons[name] ?? [];
	const details = {
		reason: name || data.slice(0, 10),
		...(args.length ? { values: args.map(String).join(', ').slice(0, 200) } : {})
	};
	if (name === 'Error' && typeof args[0] === 'string')
		return new OpenLedgerError('chain/reverted', `The contract refuses this: ${args[0].slice(0, 200)}`, {
			remedy: 'Nothing was changed.',
			details,
			cause
		});
	return new OpenLedgerError('chain/reverted', message ?? 'The contract refuses this.', {
		remedy: remedy ?? 'Nothing was changed. Read the page again; something may have changed.',
		details,
		cause
	});
}

interface Link {
	code?: number;
	name: string;
	message: string;
	details: string;
	data?: unknown;
}

/** An error of our own, where viem or wagmi wrapped it. */
function within(thrown: unknown, depth = 0): OpenLedgerError | undefined {
	if (thrown instanceof OpenLedgerError) return thrown;
	return thrown instanceof Error && depth < 8 ? within(thrown.cause, depth + 1) : undefined;
}

/** The error and what it wraps: nodes and wallets put code and data in different places. */
function* causes(thrown: unknown, depth = 0): Generator<Link> {
	if (typeof thrown === 'string') yield { name: 'Error', message: thrown, details: '' };
	if (typeof thrown !== 'object' || thrown === null || depth > 8) return;
	const { code, name, message, shortMessage, details, data, cause, error } = thrown as Record<
		string,
		unknown
	>;
	yield {
		code: typeof code === 'number' ? code : undefined,
		name: typeof name === 'string' ? name : '',
		message: String(shortMessage ?? message ?? ''),
		details: typeof details === 'string' ? details : '',
		data
	};
	for (const inner of [cause, error, data]) yield* typeof inner === 'object' ? causes(inner, depth + 1) : [];
}

function isRevertData(data: unknown): data is Hex {
	return typeof data === 'string' && /^0x[0-9a-fA-F]{8,}$/.test(data);
}

function facts(chain: Link[]): Record<string, string | number> {
	const code = chain.find((link) => link.code !== undefined)?.code;
	const answer = chain.find(({ details }) => details)?.details ?? chain.at(-1)?.message ?? '';
	return { ...(code === undefined ? {} : { answered: code }), answer: answer.slice(0, 300) };
}
