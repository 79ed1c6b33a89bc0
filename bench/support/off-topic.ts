import type { Attributed } from './attributed.ts';
import { average } from './lds.ts';
import { repliesOf } from './replies.ts';
import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import { TRUTH_SETS, truthRows, type TruthSet } from './truth-sets.ts';

/** Questions of each Datanet that are asked. */
const QUESTIONS = 6;

/**
 * Share of an adapter's replies that is attributed to the rows of its Datanet: to questions of the other Datanets (off topic), and to
 * held-out ones of its own. The replies are those that the adapter itself gives.
 */
export async function attributedMass(set: TruthSet, adapter: LoraAdapter, attributed: Attributed) {
	const [off, own]: [number[], number[]] = [[], []];
	for (const other of TRUTH_SETS) {
		const { queries, trained } = truthRows(other) ?? { queries: [], trained: 0 };
		const prompts = queries.slice(trained, trained + QUESTIONS).map(([prompt]) => prompt);
		for (const [i, reply] of (await repliesOf(adapter, prompts)).entries()) {
			const shares = await attributed.shares([prompts[i] ?? '', reply]);
			(other === set ? own : off).push(shares.reduce((sum, share) => sum + share, 0));
		}
	}
	return { off: average(off), own: average(own) };
}
