import { parseEther } from 'viem';

/** The rules that a network starts with (contracts/src/Types.sol, Params; argued for in docs/settlement-governance.md). */
export const launchRules = {
	contributors: 5_000,
	owner: 1_500,
	base: 1_000,
	host: 1_000,
	stakers: 900,
	poster: 20,
	staticShare: 3_000,
	cap: 2_500,
	drawRate: 200,
	penalty: 24,
	attribution: 1,
	window: 3 * 86_400,
	bond: parseEther('100'),
	modelFee: parseEther('10'),
	datanetFee: parseEther('5'),
	proposalFee: parseEther('50'),
	auditorStake: parseEther('100')
} as const;

export type RulesParams = { -readonly [K in keyof typeof launchRules]: (typeof launchRules)[K] extends bigint ? bigint : number };

/** Seconds between a vote's end and its execution. */
export const timelockDelay = 86_400n;
