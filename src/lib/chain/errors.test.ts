import { encodeErrorResult, type Abi } from 'viem';
import { expect, test } from 'vitest';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { auditAbi } from '../../../contracts-abi/abi/Audit.ts';
import { datanetsAbi } from '../../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../../contracts-abi/abi/Models.ts';
import { rulesAbi } from '../../../contracts-abi/abi/Rules.ts';
import { stakingAbi } from '../../../contracts-abi/abi/Staking.ts';
import { explain, reverted } from './errors.ts';
import { reasons } from './reasons.ts';

const ours = [settlementAbi, auditAbi, datanetsAbi, modelsAbi, rulesAbi, stakingAbi].flatMap((abi) =>
	(abi as Abi).flatMap((item) => (item.type === 'error' ? [item] : []))
);
/** Internal to the OpenZeppelin parts; a person cannot bring them about through the app. */
const internal =
	/^(SafeCast|FailedCall|ECDSA|InvalidShortString|StringTooLong|AddressEmptyCode|Panic|InsufficientBalance$)/;

test('every error of our contracts has a sentence and a remedy', () => {
	const silent = ours.map(({ name }) => name).filter((name) => !reasons[name] && !internal.test(name));
	expect([...new Set(silent)]).toEqual([]);
});

test('a contract’s error is found wherever a wallet or node has put it', () => {
	const data = encodeErrorResult({ abi: settlementAbi, errorName: 'WrongNonce', args: [7] });
	const words = 'This settlement was already made, here or in another tab.';
	for (const thrown of [
		{ code: 3, message: 'execution reverted', data },
		{ code: -32603, message: 'Internal error', data: { code: 3, data } },
		{ message: 'x', cause: { message: 'y', cause: { code: 3, data } } },
		{ error: { code: -32000, message: 'reverted', data } }
	])
		expect(explain(thrown)).toMatchObject({
			code: 'chain/reverted',
			message: words,
			details: { reason: 'WrongNonce', values: '7' }
		});
});

test('a text of the contract’s own is passed on, unknown errors keep their selector', () => {
	const text =
		'0x08c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000026869000000000000000000000000000000000000000000000000000000000000';
	expect(reverted(text).message).toBe('The contract refuses this: hi');
	expect(reverted('0xdeadbeef').details).toEqual({ reason: '0xdeadbeef' });
});

test('complaints without a code are read by what they say; anything at all gives a sentence', () => {
	const of = (message: string) => explain(new Error(message)).code;
	expect(of('insufficient funds for gas * price + value')).toBe('chain/insufficient-funds');
	expect(of('nonce too low')).toBe('chain/nonce');
	expect(of('replacement transaction underpriced')).toBe('chain/underpriced');
	expect(of('Failed to fetch')).toBe('chain/unreachable');
	for (const thrown of [undefined, null, 0, '', 'text', [], {}, { cause: null }, Symbol('x')])
		expect(explain(thrown).remedy.length).toBeGreaterThan(10);
	const loop: { cause?: unknown } = {};
	loop.cause = loop;
	expect(explain(loop).code).toBe('chain/failed');
});
