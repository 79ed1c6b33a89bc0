import type { Hyperparameters, Preset } from './hyperparameters.ts';
import { MODULES } from './hyperparameters.ts';
import { Teacher } from './teacher.ts';

/** What presets are chosen from. */
export interface PresetFacts {
	/** Contributions that are learnt. */
	rows: number;
	/** Their tokens, one epoch. */
	tokens: number;
	/** Tokens of the longest. */
	longest: number;
	/** Width of the base's hidden state: wider models want smaller steps. */
	hidden: number;
	/** Tokens that the base can read at once. */
	contextLength: number;
	/** True where a graphics card does the work. */
	gpu: boolean;
}

interface Recipe {
	rank: number;
	/** Passes over few rows, and over very many: what lies between follows the logarithm. */
	epochs: readonly [few: number, many: number];
	learningRate: number;
	dropout: number;
	/** Where rows are learnt by heart, that is, seen many times. */
	distillation: number;
}

/** Found by experiment on the bundled model, which is 256 wide (docs/decisions/training-presets.md). */
const RECIPES: Record<Preset, Recipe> = {
	quick: { rank: 32, epochs: [20, 1], learningRate: 3e-3, dropout: 0, distillation: 0.4 },
	balanced: { rank: 32, epochs: [28, 2], learningRate: 3e-3, dropout: 0.1, distillation: 0.4 },
	thorough: { rank: 32, epochs: [40, 4], learningRate: 2e-3, dropout: 0.1, distillation: 0.4 }
};
const REFERENCE_WIDTH = 256;
const TEACHER_LIMIT = 256e6;
const [FEW, MANY] = [300, 30_000];
/** Steps at least, as a multiple of a recipe's passes over few rows: where all fit one batch a pass is one step, and 20 are few. */
const LEAST_STEPS = 2;

/** Settings for a Datanet, a base and a device. Pure: the same facts give the same settings. */
export function presetFor(preset: Preset, facts: PresetFacts): Hyperparameters {
	const { rank, epochs, learningRate, dropout, distillation } = RECIPES[preset];
	const place = Math.log(facts.rows / FEW) / Math.log(MANY / FEW);
	const share = Math.min(1, Math.max(0, place));
	const maxLength = Math.min(facts.contextLength, 512);
	const batchTokens = Math.max(facts.gpu ? 2048 : 768, Math.min(facts.longest, maxLength));
	const passes = Math.round(epochs[0] * (epochs[1] / epochs[0]) ** share);
	const stepsEach = Math.max(1, Math.ceil(facts.tokens / batchTokens));
	return {
		rank,
		alpha: 2 * rank,
		rankStabilised: false,
		targetModules: [...MODULES],
		dropout,
		// What the base expects is kept for every learnt token: too much for large Datanets, which are read once or twice anyway.
		distillation: Teacher.bytes(facts.tokens, facts.hidden) <= TEACHER_LIMIT ? distillation : 0,
		optimiser: 'adamw',
		learningRate: Number((learningRate * Math.min(1, REFERENCE_WIDTH / facts.hidden)).toPrecision(2)),
		schedule: 'cosine',
		warmup: 0.05,
		epochs: Math.max(1, passes, Math.ceil((LEAST_STEPS * epochs[0]) / stepsEach)),
		steps: 0,
		batchTokens,
		accumulation: 1,
		maxLength,
		packing: true,
		recompute: false,
		reword: true,
		weightDecay: 0,
		clip: 1,
		validationShare: 0.1,
		validateEvery: 0,
		patience: 0
	};
}
