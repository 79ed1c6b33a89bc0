import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rewardKey } from '../../contracts/client/keys.ts';
import { splitBatch } from '../../contracts/client/split.ts';
import { launchRules } from '../../contracts/deploy/params.ts';

test('the worked example of docs/economics.md is what the rules of the launch give', () => {
	const page = readFileSync(new URL('../../docs/economics.md', import.meta.url), 'utf8');
	const table = page.slice(page.indexOf('<!-- worked example'), page.indexOf('Ada and Ben also share'));
	const said = [...table.matchAll(/^\| [^|]+\| ([\d, ]+) \|/gm)].flatMap(([, cell = '']) =>
		cell.split(',').map(Number)
	);

	const [ada, ben, model, base, datanet] = [1, 2, 3, 4, 5];
	const rewards = splitBatch({
		shares: launchRules,
		sources: [{ datanet, share: 10_000 }],
		model,
		base,
		host: 0,
		poster: 9,
		amount: 1_000_000n,
		weights: [
			{ id: 0, weight: 400 },
			{ id: ada, weight: 450 },
			{ id: ben, weight: 150 }
		]
	});
	const thousandths = (key: number) => Number(rewards.get(key) ?? 0n) / 1000;
	expect(said).toEqual([
		thousandths(ada),
		thousandths(ben),
		thousandths(rewardKey('datanet', datanet)),
		thousandths(rewardKey('model', model)),
		thousandths(rewardKey('model', base)),
		thousandths(rewardKey('modelPool', model)),
		thousandths(rewardKey('auditors')),
		thousandths(rewardKey('treasury')),
		thousandths(9)
	]);
	expect(said.reduce((sum, part) => sum + part, 0)).toBe(1000);
});
