import { yieldToEvents } from '#workers/generate/yield.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { BatchLoss, Learner } from './learner/learner.ts';
import { epochBatches } from './rows/batches.ts';
import { collate, type BatchArrays } from './rows/collate.ts';
import type { Sample } from './rows/encode.ts';

/** Held-back rows in batches: the same every time, so that losses compare. */
export function validationBatches(
	samples: readonly Sample[],
	settings: Pick<Hyperparameters, 'batchTokens' | 'packing'>,
	seed: number
): BatchArrays[] {
	const lengths = samples.map(({ ids }) => ids.length);
	return epochBatches(lengths, settings, seed, 0).map((batch) => collate(batch, samples));
}

/** Mean negative log-likelihood of a learnt token, in nats, under the learner's present weights. */
export async function meanLoss(learner: Learner, batches: readonly BatchArrays[]): Promise<number> {
	const loss: BatchLoss = { sum: 0, tokens: 0 };
	for (const batch of batches) {
		const part = await learner.evaluate(batch);
		loss.sum += part.sum;
		loss.tokens += part.tokens;
		await yieldToEvents();
	}
	return loss.sum / loss.tokens;
}
