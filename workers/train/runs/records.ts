import type {
	RowReport,
	RunDetail,
	RunState,
	RunSummary,
	SampleReply,
	StepPoint,
	TrainingPlan,
	ValidationPoint
} from '../api.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import type { Provider } from '#workers/protocol.ts';

/** What is known of a run when it starts, and never changes. */
export interface RunFile {
	format: 'openledger-run/1';
	/** With its rows: a run is taken up without its Datanet. */
	plan: TrainingPlan;
	/** The preset's, with what the plan changes. */
	hyperparameters: Hyperparameters;
	provider: Provider;
	steps: number;
	rows: RowReport;
	/** Name and SHA-256 (hex) of the base's ONNX file. */
	base: { name: string; sha256: string };
	/** Milliseconds since the epoch. */
	started: number;
}

/** One line of a run's log. */
export type RunRecord =
	| { step: StepPoint }
	| { validation: ValidationPoint }
	| { sample: SampleReply }
	/** Seconds of training at the time. */
	| { state: RunState; seconds: number; reason?: string }
	/** The run goes on from this step: what the log tells of later ones did not happen. -1 where it begins anew, validation and samples of the base too. */
	| { from: number }
	/** Validation loss of the base alone, where the run goes on from an adapter. */
	| { base: number }
	/** Its weights of step `at` were saved. */
	| { adapter: string; at?: number };

/** What a run's file and log say of it. `interrupted` is not among them: only the absence of its lock tells. */
export function foldRun(file: RunFile, records: readonly RunRecord[]): RunDetail {
	const { plan, hyperparameters, provider, steps, rows, started } = file;
	const run: RunDetail = {
		id: plan.id,
		name: plan.name,
		base: plan.base,
		preset: plan.preset,
		hyperparameters,
		provider,
		seed: plan.seed,
		sources: plan.sources.map(({ name, datanet, root, rows: { length } }) => ({
			name,
			datanet,
			root,
			rows: length
		})),
		prompts: plan.prompts,
		repeats: plan.repeats?.name,
		state: 'running',
		step: 0,
		steps,
		started,
		seconds: 0,
		bestStep: 0,
		rows,
		curve: [],
		validation: [],
		samples: [],
		kept: []
	};
	let base: number | undefined;
	for (const record of records) {
		if ('step' in record) run.curve.push(record.step);
		else if ('validation' in record) run.validation.push(record.validation);
		else if ('sample' in record) run.samples.push(record.sample);
		else if ('adapter' in record) {
			run.adapter = record.adapter;
			run.kept.push(record);
		} else if ('base' in record) base = record.base;
		else if ('from' in record) {
			const happened = ({ step }: { step: number }) => step <= record.from;
			run.curve = run.curve.filter(happened);
			run.validation = run.validation.filter(happened);
			run.samples = run.samples.filter(happened);
		} else {
			run.state = record.state;
			run.seconds = record.seconds;
			run.reason = record.reason;
		}
	}
	// Logs there are in which a run that began anew says what it said before.
	run.validation = lastOfEach(run.validation, ({ step }) => step);
	run.samples = lastOfEach(run.samples, sampleKey);
	run.step = run.curve.at(-1)?.step ?? 0;
	const best = run.validation.findLast((point) => point.best);
	run.baseLoss = base ?? run.validation.find(({ step }) => step === 0)?.loss;
	run.bestLoss = best?.loss;
	run.bestStep = best?.step ?? run.step;
	return run;
}

/** Two replies of the same key are one, asked twice. */
export const sampleKey = ({ step, prompt }: SampleReply) => `${step} ${prompt}`;

export function lastOfEach<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Item[] {
	return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

/** A run without what its charts show. */
export function summaryOf(detail: RunDetail): RunSummary {
	const summary: Partial<RunDetail> = { ...detail };
	for (const key of ['rows', 'curve', 'validation', 'samples', 'kept'] as const) delete summary[key];
	return summary as RunSummary;
}
