import { OpenLedgerError } from '#workers/errors.ts';

export type Preset = 'quick' | 'balanced' | 'thorough';
export type Schedule = 'constant' | 'linear' | 'cosine';

/** Linear modules that a LoRA branch can change, by the names that PEFT and the graph's slots use. */
export const MODULES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

export interface Hyperparameters {
	/** Rank of the low-rank matrices, 1 to 256. */
	rank: number;
	/** The branch is scaled by alpha / rank, or by alpha / √rank where `rankStabilised` (Kalajdzievski 2023). */
	alpha: number;
	rankStabilised: boolean;
	/** Some of `MODULES`. */
	targetModules: string[];
	/** Share of a branch's inputs that is left out at random in training, 0 to 0.9. */
	dropout: number;
	/**
	 * Share of each target that is what the base itself expects instead of the label, 0 to 0.9 (Hinton et al. 2015, with the
	 * base as teacher). Rows are learnt by heart all the same where it is below a half.
	 */
	distillation: number;
	optimiser: 'adamw' | 'sgd';
	/** At its highest, after the warm-up. */
	learningRate: number;
	schedule: Schedule;
	/** Share of the steps in which the learning rate rises from 0, 0 to 0.9. */
	warmup: number;
	/** Passes over the rows. */
	epochs: number;
	/** Optimiser steps instead of epochs; 0: as many as the epochs need. */
	steps: number;
	/** Tokens of a micro-batch at most, padding included: what memory depends on. One row longer than that is taken alone. */
	batchTokens: number;
	/** Micro-batches of one optimiser step. */
	accumulation: number;
	/** Tokens of a row at most; longer ones are shortened. */
	maxLength: number;
	/** Several rows in one sequence, none of which sees another: less padding where rows are short. */
	packing: boolean;
	/**
	 * Each layer is computed again on the way back instead of kept: less memory, about 1.4 times the time. Chosen where the run
	 * would not fit otherwise.
	 */
	recompute: boolean;
	/** Short questions for what something is are also asked in other words (English). */
	reword: boolean;
	/** Decoupled (AdamW). */
	weightDecay: number;
	/** Gradients longer than this are shortened to it; 0: never. */
	clip: number;
	/** Share of the contributions that is held back to validate with, 0 to 0.5. */
	validationShare: number;
	/** Steps between validations; 0: after every epoch. */
	validateEvery: number;
	/** Validations in a row without a lower loss after which the run ends; 0: never. */
	patience: number;
}

interface Range {
	least: number;
	most: number;
	integer?: boolean;
	/** `least` itself is not allowed. */
	above?: boolean;
}

/** What a form may offer. */
export const RANGES: {
	readonly [K in keyof Hyperparameters as Hyperparameters[K] extends number ? K : never]: Range;
} = {
	rank: { least: 1, most: 256, integer: true },
	alpha: { least: 0, most: 4096, above: true },
	dropout: { least: 0, most: 0.9 },
	distillation: { least: 0, most: 0.9 },
	learningRate: { least: 0, most: 1, above: true },
	warmup: { least: 0, most: 0.9 },
	epochs: { least: 1, most: 1000, integer: true },
	steps: { least: 0, most: 1_000_000, integer: true },
	batchTokens: { least: 16, most: 65_536, integer: true },
	accumulation: { least: 1, most: 256, integer: true },
	maxLength: { least: 8, most: 32_768, integer: true },
	weightDecay: { least: 0, most: 1 },
	clip: { least: 0, most: 1000 },
	validationShare: { least: 0, most: 0.5 },
	validateEvery: { least: 0, most: 1_000_000, integer: true },
	patience: { least: 0, most: 1000, integer: true }
};

/** Settings that came later, as runs behaved before there was a choice. */
const BEFORE: Partial<Hyperparameters> = { recompute: false, reword: false, distillation: 0 };

/** Settings as an earlier version of the app wrote them down: what it did not know yet is as it was then. Checks nothing. */
export function migrated(stored: object): Hyperparameters {
	return { ...BEFORE, ...stored } as Hyperparameters;
}

/**
 * Checks every setting.
 * @throws OpenLedgerError `train/bad-settings` with the first that is wrong
 */
export function checkHyperparameters(given: Hyperparameters): void {
	for (const [name, range] of Object.entries(RANGES)) {
		const value: unknown = given[name as keyof typeof RANGES];
		const { least, most, integer, above } = range;
		const isRight =
			typeof value === 'number' &&
			value <= most &&
			(above ? value > least : value >= least) &&
			(!integer || Number.isInteger(value));
		if (!isRight)
			throw bad(
				name,
				`must be ${integer ? 'a whole number' : 'a number'} ${above ? `above ${least}` : `from ${least}`} to ${most}`
			);
	}
	if (!['constant', 'linear', 'cosine'].includes(given.schedule)) throw bad('schedule', 'is not known');
	if (!['adamw', 'sgd'].includes(given.optimiser)) throw bad('optimiser', 'is not known');
	for (const name of ['rankStabilised', 'packing', 'recompute', 'reword'] as const)
		if (typeof given[name] !== 'boolean') throw bad(name, 'must be true or false');
	const { targetModules } = given;
	if (!Array.isArray(targetModules) || targetModules.length === 0)
		throw bad('targetModules', 'must name at least one module');
	for (const module of targetModules)
		if (!MODULES.includes(module)) throw bad('targetModules', `must be some of ${MODULES.join(', ')}`);
}

function bad(setting: string, rule: string): OpenLedgerError {
	return new OpenLedgerError('train/bad-settings', `The setting "${setting}" ${rule}.`, {
		remedy: 'Correct it, or choose a preset.',
		details: { setting }
	});
}
