import type { RunDetail, RunState, RunSummary, Weights } from '#workers/train/api.ts';

export const STATES: Record<RunState, string> = {
	running: 'Training',
	paused: 'Paused',
	interrupted: 'Interrupted',
	finished: 'Finished',
	stopped: 'Stopped',
	failed: 'Failed'
};

/** How much lower the loss on held-back rows is than the base's, in percent; undefined where nothing was measured. */
export function improvement({
	baseLoss,
	bestLoss
}: Pick<RunSummary, 'baseLoss' | 'bestLoss'>): number | undefined {
	return baseLoss && bestLoss !== undefined ? (1 - bestLoss / baseLoss) * 100 : undefined;
}

/** "23 % better than the base on rows it has not seen". */
export function verdict(run: Pick<RunSummary, 'baseLoss' | 'bestLoss'>): string {
	const percent = improvement(run);
	if (percent === undefined) return '';
	const rounded = Math.round(Math.abs(percent));
	if (rounded === 0) return 'No better than the base on rows it has not seen';
	return `${rounded} % ${percent > 0 ? 'lower' : 'higher'} loss than the base on rows it has not seen`;
}

/** What its base and it are compared with. A small run holds no row back. */
export function comparison({ baseLoss }: Pick<RunSummary, 'baseLoss'>): string {
	return baseLoss === undefined
		? 'Base and adapter answer the same questions.'
		: 'Base and adapter answer the same questions, among them rows that were held back from training.';
}

/** Which weights are kept. Without rows held back none were measured to be the best. */
export function keeping(
	run: Pick<RunSummary, 'step' | 'checkpoint' | 'bestStep' | 'bestLoss'>,
	weights: Weights
): string {
	return weights === 'best' && run.bestLoss !== undefined
		? `The weights of step ${run.bestStep}, the best that were measured.`
		: `The weights of step ${stepOf(run, weights)}, the last.`;
}

/** Can it go on? */
export function isResumable(state: RunState): boolean {
	return state === 'paused' || state === 'interrupted' || state === 'failed' || state === 'stopped';
}

/** Step of the last weights that are stored: of a run that was interrupted those of its checkpoint. */
export function lastStep({ step, checkpoint }: Pick<RunSummary, 'step' | 'checkpoint'>): number {
	return checkpoint ?? step;
}

/** Step of the weights that are meant. */
function stepOf(run: Pick<RunSummary, 'step' | 'checkpoint' | 'bestStep'>, weights: Weights): number {
	return weights === 'best' ? run.bestStep : lastStep(run);
}

/** The adapter that these weights became, the newest; those of another step are others. */
export function keptOf(run: RunDetail, weights: Weights): string | undefined {
	const step = stepOf(run, weights);
	return run.kept.findLast(({ at = step }) => at === step)?.adapter;
}

/** What a person wants of a run that is not at work: to go on with one that something or they themselves halted, else to keep it. */
export function wantedOf({
	state,
	step,
	steps,
	adapter
}: Pick<RunSummary, 'state' | 'step' | 'steps' | 'adapter'>): 'resume' | 'keep' {
	if (!isResumable(state) || step >= steps || adapter !== undefined) return 'keep';
	// Stopped on purpose, with something learnt.
	return state === 'stopped' && step > 0 ? 'keep' : 'resume';
}
