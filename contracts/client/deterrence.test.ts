import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchRules } from '../deploy/params.ts';
import { generator } from './random.ts';

const BATCHES = 400_000;

/**
 * Mean profit of a batch for a payer who lies in a part of the records and is in league with all whom the lies pay, in parts of the
 * batch's amount. A drawn batch opens one record; a lie found there costs the penalty, a tenth of which the liar wins back by convicting
 * himself. The most generous case for him: no cap, no static units of his own to lose, and the host's share on top.
 */
function meanProfit(lies: number, { drawRate, penalty }: { drawRate: number; penalty: number }, random: () => number): number {
	const { contributors, host, staticShare } = launchRules;
	const gain = (lies * (contributors + host) * (1 - staticShare / 10_000)) / 10_000;
	let caught = 0;
	for (let i = 0; i < BATCHES; i++) if (random() < drawRate / 10_000 && random() < lies) caught++;
	return gain - (caught / BATCHES) * penalty * 0.9;
}

test('lying does not pay under the launch rules, however little or much is lied', () => {
	const seed = Date.now() % 2 ** 31;
	const random = generator(seed);
	for (const lies of [0.02, 0.1, 0.5, 1]) {
		const profit = meanProfit(lies, launchRules, random);
		// Five standard errors of the number of convictions: less would fail one time in some thousands.
		const noise = 5 * launchRules.penalty * 0.9 * Math.sqrt((lies * launchRules.drawRate) / 10_000 / BATCHES);
		assert.ok(profit <= noise, `seed ${seed}: lying in ${lies} of the records wins ${profit} of the amount`);
	}
});

test('under half the penalty, which the rules refuse, it would', () => {
	const profit = meanProfit(1, { drawRate: launchRules.drawRate, penalty: launchRules.penalty / 2 }, generator(1));
	assert.ok(profit > 0.1);
});
