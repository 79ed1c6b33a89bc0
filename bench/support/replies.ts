import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import { packAdapter } from '#workers/adapters/pack.ts';
import { inputsOf } from './adapter.ts';
import { questionTokens, replyTokens, textOf } from './lds.ts';
import { openShape } from './models.ts';

const MOST_TOKENS = 40;
const [END = 0] = replyTokens('').slice(-1);

/** What nano with an adapter answers: the likeliest token each time. */
export async function repliesOf(adapter: LoraAdapter, prompts: readonly string[]): Promise<string[]> {
	const { decoder, slots } = await openShape('nano');
	const uploaded = decoder.upload(inputsOf(packAdapter(adapter, slots), slots));
	const replies: string[] = [];
	for (const prompt of prompts) {
		const state = decoder.createState();
		const reply: number[] = [];
		let next = questionTokens(prompt);
		while (reply.length < MOST_TOKENS) {
			const logits = await (await decoder.run(state, [next], { adapters: [uploaded] })).last(0);
			const token = logits.reduce((best, value, i) => (value > (logits[best] ?? 0) ? i : best), 0);
			if (token === END) break;
			reply.push(token);
			next = [token];
		}
		state.dispose();
		replies.push(textOf(reply));
	}
	return replies;
}
