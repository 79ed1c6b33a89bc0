import { checkBase } from '#workers/adapters/manifest.ts';
import type { AdapterLibrary } from '#workers/engine/adapter-library.ts';
import { readGraph, type ReadGraph } from '#workers/engine/serve-graph.ts';
import { needsOf } from '#workers/engine/start-decoder.ts';
import type { ModelLibrary } from '#workers/models/library.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { Provider } from '#workers/protocol.ts';
import { chooseProvider, type ProviderChoice } from '#workers/runtime/choose-provider.ts';
import { probeDevice } from '#workers/runtime/probe.ts';
import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import { settingsOf } from './adapter.ts';
import type { TrainEvent, TrainingPlan } from './api.ts';
import { checkHyperparameters, type Hyperparameters } from './hyperparameters.ts';
import { presetFor } from './presets.ts';
import { buildDataset, lengthOf, type Dataset } from './rows/dataset.ts';
import type { Sample } from './rows/encode.ts';
import { StepPlan } from './rows/step-plan.ts';

/** A plan made ready: the base is open, its rows are tokens, every setting is decided. */
export interface Prepared {
	open: OpenModel;
	read: ReadGraph;
	choice: ProviderChoice;
	settings: Hyperparameters;
	dataset: Dataset;
	training: Sample[];
	validation: Sample[];
	steps: StepPlan;
	/** The adapter that is continued. */
	continued?: LoraAdapter;
	/** Of the device, where told. */
	memoryBytes?: number;
}

export interface Rooms {
	models: ModelLibrary;
	adapters: AdapterLibrary;
}

export interface PrepareOptions {
	signal?: AbortSignal;
	onEvent: (event: TrainEvent) => void;
	/** As decided when the run began; else they follow from plan, rows and device. */
	decided?: { settings: Hyperparameters; provider: Provider | 'auto' };
}

/** The caller closes `open`. @throws OpenLedgerError `train/no-rows`, `train/bad-settings`, `train/unsupported`, `adapter/*` */
export async function prepare(
	plan: TrainingPlan,
	{ models, adapters }: Rooms,
	{ signal, onEvent, decided }: PrepareOptions
): Promise<Prepared> {
	onEvent({ type: 'phase', phase: 'model' });
	await models.fetch(plan.base, {
		signal,
		onProgress: (load) => onEvent({ type: 'phase', phase: 'model', load })
	});
	const open = await models.open(plan.base);
	try {
		if (plan.repeats) checkBase(plan.repeats, { id: open.item.name, hashes: open.hashes });
		const read = readGraph(open);
		const { memoryBytes, ...machine } = await probeDevice();
		const choice = chooseProvider(machine, needsOf(open), decided?.provider ?? plan.provider, 'work');
		let continued: LoraAdapter | undefined;
		if (plan.continueFrom !== undefined) {
			const { slots } = rewriteForServing(read.model, { lora: 'matmul', fuse: true });
			continued = await adapters.read(plan.continueFrom, {
				name: open.item.name,
				hashes: open.hashes,
				slots
			});
		}
		onEvent({ type: 'phase', phase: 'rows' });
		const settings = decided?.settings ?? decide(plan, open, choice.provider, continued);
		checkHyperparameters(settings);
		const dataset = datasetOf(plan, open, settings);
		const training = dataset.training.flatMap(({ samples }) => samples);
		const validation = dataset.validation.flatMap(({ samples }) => samples);
		const lengths = training.map(lengthOf);
		const steps = new StepPlan(lengths, settings, plan.seed);
		return { open, read, choice, settings, dataset, training, validation, steps, continued, memoryBytes };
	} catch (error) {
		await open.close();
		throw error;
	}
}

function datasetOf(plan: TrainingPlan, open: OpenModel, settings: Hyperparameters): Dataset {
	const maxLength = Math.min(settings.maxLength, open.contextLength);
	const { validationShare, reword } = settings;
	return buildDataset(plan.sources, open.tokenizer, { maxLength, validationShare, reword, seed: plan.seed });
}

/** The preset for these rows, what the plan changes, and what an adapter that is continued dictates. */
function decide(
	plan: TrainingPlan,
	open: OpenModel,
	provider: Provider,
	continued: LoraAdapter | undefined
): Hyperparameters {
	const facts = { hidden: hiddenSize(open), contextLength: open.contextLength, gpu: provider === 'webgpu' };
	const before = presetFor(plan.preset, { rows: 1, tokens: 1, longest: 1, ...facts });
	const given = { ...before, ...plan.hyperparameters };
	checkHyperparameters(given);
	const { report } = datasetOf(plan, open, given);
	const { training: rows, tokens, longest } = report;
	return {
		...presetFor(plan.preset, { rows, tokens, longest, ...facts }),
		...plan.hyperparameters,
		...(continued && settingsOf(continued))
	};
}

function hiddenSize({ config }: OpenModel): number {
	const { hidden_size: hidden } = config;
	return typeof hidden === 'number' && hidden > 0 ? hidden : 1024;
}
