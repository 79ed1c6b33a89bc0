import { Attributed } from './attributed.ts';
import { average, pairSample, type Pair } from './lds.ts';
import type { Retrainer } from './retrain.ts';
import type { TruthRows } from './truth-sets.ts';

const COPIES = 10;
const QUOTED = 8;
const ASKED = 8;

/**
 * What it earns to game the index. One Datanet, trained again with an attacker's rows in it: ten copies of a row; a row stuffed with the
 * Datanet's most common word triples; rows that quote most of the replies to likely questions; rows that ask likely questions and answer
 * nothing. What each earns over what an honest row does, over all trained and as many held-out questions.
 *
 * @param honest the same Datanet's index without them
 */
export async function attackRatios(
	retrainer: Retrainer,
	{ rows, queries, trained }: TruthRows,
	honest: Attributed
) {
	const asked = queries.slice(0, 2 * trained);
	const victim = rows[0] ?? ['', ''];
	const quoted = rows.slice(1, 1 + QUOTED);
	const likely = rows.slice(1 + QUOTED, 1 + QUOTED + ASKED);
	const told: Pair[] = [
		...rows,
		...Array.from({ length: COPIES }, () => victim),
		['What should I know?', commonPhrases(rows)],
		...quoted.map(([prompt, reply]): Pair => [
			`Can you explain? ${prompt}`,
			`Well, ${reply
				.split(' ')
				.slice(0, Math.ceil(reply.split(' ').length * 0.7))
				.join(' ')}, and so on.`
		]),
		...likely.map(([prompt]): Pair => [prompt, `Many ask that: ${prompt} Whoever reads on will find out.`])
	];
	const parameters = await retrainer.parameters(
		told.map((pair) => pairSample(pair)),
		0
	);
	const attacked = await Attributed.create(retrainer, parameters, told);
	const before = await earned(honest, asked);
	const after = await earned(attacked, asked);
	await attacked.dispose();
	const sum = (of: readonly number[], from: number, count: number) =>
		of.slice(from, from + count).reduce((all, one) => all + one, 0);
	const copies = rows.length;
	const stuffed = copies + COPIES;
	const quoting = stuffed + 1;
	const asking = quoting + QUOTED;
	return {
		copies: ((after[0] ?? NaN) + sum(after, copies, COPIES)) / (before[0] ?? NaN),
		stuffed: (after[stuffed] ?? NaN) / average(before),
		quoting: sum(after, quoting, QUOTED) / sum(before, 1, QUOTED),
		asking: sum(after, asking, ASKED) / sum(before, 1 + QUOTED, ASKED)
	};
}

async function earned(attributed: Attributed, asked: readonly Pair[]): Promise<number[]> {
	const sums = new Array<number>(attributed.index.contributors.length).fill(0);
	for (const pair of asked)
		for (const [row, share] of (await attributed.shares(pair)).entries())
			sums[row] = (sums[row] ?? 0) + share;
	return sums;
}

function commonPhrases(rows: readonly Pair[]): string {
	const counts = new Map<string, number>();
	for (const [, reply] of rows) {
		const words = reply.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
		for (let i = 0; i + 3 <= words.length; i++) {
			const phrase = words.slice(i, i + 3).join(' ');
			counts.set(phrase, (counts.get(phrase) ?? 0) + 1);
		}
	}
	const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 12);
	return most.map(([phrase]) => phrase).join(', ');
}
