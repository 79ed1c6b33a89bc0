import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import type { ChatMessage } from '#workers/protocol.ts';
import { adapterOf } from '../adapter.ts';
import type { Evaluation, ReplyPair, RunDetail } from '../api.ts';
import { trainOptions } from '../learner/graph-options.ts';
import type { Prepared } from '../prepare.ts';
import { learntTokens, type DatasetRow } from '../rows/dataset.ts';
import { messagesOf } from '../rows/encode.ts';
import type { TakenWeights } from '../result.ts';
import { startReplies, type TrainingEnvironment } from '../session.ts';
import { rougeL, sameReply } from './rouge.ts';

/** Tokens of a reply at most. */
const REPLY_TOKENS = 160;

export interface EvaluateOptions {
	prepared: Prepared;
	detail: RunDetail;
	taken: TakenWeights;
	/** Held-back rows to ask, at most. */
	rows: number;
	prompts: string[];
}

/** Asks base and adapter the same questions, side by side in one batch. Perplexities are those of the run's validation. */
export async function evaluateRun(
	{ prepared, detail, taken, rows, prompts }: EvaluateOptions,
	environment: TrainingEnvironment,
	{ signal, onReply }: { signal: AbortSignal; onReply: (pair: ReplyPair) => void }
): Promise<Evaluation> {
	const { read, settings, open, dataset } = prepared;
	const { layout } = trainGraph(read.model, trainOptions(settings));
	const replies = await startReplies(prepared, environment);
	const pairs: ReplyPair[] = [];
	try {
		const device = await replies.upload(adapterOf(taken.parameters, layout, settings, open.item.name));
		const questions = [
			...dataset.validation.slice(0, rows).flatMap(questionOf),
			...prompts.map((prompt) => ({
				messages: [{ role: 'user' as const, content: prompt }],
				expected: undefined
			}))
		];
		for (const { messages, expected } of questions) {
			const [base = '', adapter = ''] = await replies.ask(messages, [undefined, device], {
				maxNewTokens: REPLY_TOKENS,
				signal
			});
			const pair: ReplyPair = {
				prompt: messages.findLast(({ role }) => role === 'user')?.content ?? '',
				base,
				adapter,
				...(expected !== undefined && { expected, scores: scoresOf(expected, base, adapter) })
			};
			pairs.push(pair);
			onReply(pair);
		}
	} finally {
		await replies.dispose();
	}
	const scored = pairs.flatMap(({ scores }) => scores ?? []);
	const mean = (of: (scores: (typeof scored)[number]) => number) =>
		scored.length === 0 ? 0 : scored.reduce((sum, scores) => sum + of(scores), 0) / scored.length;
	const held = dataset.validation.flatMap(({ samples }) => samples);
	return {
		rows: dataset.validation.length,
		tokens: held.reduce((sum, sample) => sum + learntTokens(sample), 0),
		basePerplexity: Math.exp(detail.baseLoss ?? NaN),
		adapterPerplexity: Math.exp(taken.loss ?? NaN),
		replies: pairs,
		rougeL: { base: mean(({ base }) => base), adapter: mean(({ adapter }) => adapter) },
		exact: {
			base: mean(({ baseExact }) => Number(baseExact)),
			adapter: mean(({ adapterExact }) => Number(adapterExact))
		}
	};
}

/** The conversation up to its last reply, and that reply. Passages ask nothing. */
function questionOf({ content }: DatasetRow): { messages: ChatMessage[]; expected: string }[] {
	if (content.kind === 'passage') return [];
	const messages = messagesOf(content);
	const last = messages.findLastIndex(({ role }) => role === 'assistant');
	return [{ messages: messages.slice(0, last), expected: messages[last]?.content ?? '' }];
}

function scoresOf(expected: string, base: string, adapter: string): NonNullable<ReplyPair['scores']> {
	return {
		base: rougeL(expected, base),
		adapter: rougeL(expected, adapter),
		baseExact: sameReply(expected, base),
		adapterExact: sameReply(expected, adapter)
	};
}
