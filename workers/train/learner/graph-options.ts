import type { LossGraphOptions, TrainGraphOptions } from '#workers/onnx/train/train-graph.ts';
import type { Hyperparameters } from '../hyperparameters.ts';

type Settings = Pick<Hyperparameters, 'rank' | 'targetModules' | 'dropout' | 'distillation' | 'recompute'>;

/** The training graph that settings ask for. */
export function trainOptions(settings: Settings): TrainGraphOptions {
	return {
		...evaluateOptions(settings),
		dropout: settings.dropout > 0,
		teacher: settings.distillation > 0,
		recompute: settings.recompute ? 'layers' : 'none'
	};
}

/** The graph that validates the same adapter; the layout of its parameters is the training graph's. */
export function evaluateOptions({ rank, targetModules }: Settings): Required<Pick<LossGraphOptions, 'lora'>> {
	return { lora: { rank, modules: targetModules } };
}
