import { GraphWriter } from '../graph-writer.ts';
import { createModel, type Model } from '../model.ts';
import { validate } from '../order.ts';

export interface OptimiserOptions {
	/** 'adamw': Loshchilov & Hutter 2019. 'sgd': with momentum, as PyTorch has it (Sutskever et al. 2013, no dampening). */
	kind: 'adamw' | 'sgd';
	/** Decay of the first moment; momentum of 'sgd'. 0.9 unless told. */
	beta1?: number;
	/** Decay of the second moment, 0.999 unless told. */
	beta2?: number;
	/** Added to the root of the second moment, 1e-8 unless told. */
	epsilon?: number;
	/** Takes the input `max_norm`, to which the norm of the whole gradient is cut down. */
	clip?: boolean;
	/** Takes the input `decay`: 1 for each parameter that weight decay is for, else 0. Without it all decay. */
	decayMask?: boolean;
}

/** The largest finite float32, nearly: a norm above it, or none at all (NaN), is no number to step by. */
const FINITE = 3.4e38;

/**
 * One step of an optimiser over flat float32 vectors [length], which can stay on the device.
 *
 * Inputs: `parameters`, `gradient` (a sum over tokens), `moment1`, for AdamW `moment2`; scalars `gradient_scale` (1 / Σ weight of
 * the tokens), `learning_rate`, `weight_decay` (decoupled), for AdamW `correction1` and `correction2` (1 / (1 − βᵗ), t from 1),
 * with `clip` `max_norm`; with `decayMask` `decay` [length].
 *
 * Outputs: `parameters_next`, `moment1_next`, for AdamW `moment2_next`; and `norm`, a scalar: the norm of the scaled gradient
 * before it was cut. Where the norm is not finite nothing has changed: the caller sees it there.
 */
export function optimiserGraph(options: OptimiserOptions): Model {
	const { kind, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
	const model = createModel('optimiser');
	const { graph } = model;
	const write = new GraphWriter(graph, 'optimiser');
	const vector = (name: string) => graph.input(name, 'float32', ['length']);
	const scalar = (name: string) => graph.input(name, 'float32', []);
	const constant = (value: number) => write.scalar('float32', value);
	const [mul, add, sub, div] = ['Mul', 'Add', 'Sub', 'Div'].map(
		(opType) => (a: string, b: string) => write.op(opType, [a, b])
	) as [Binary, Binary, Binary, Binary];

	const parameters = vector('parameters');
	const mean = mul(vector('gradient'), scalar('gradient_scale'));
	const squares = write.op('ReduceSum', [mul(mean, mean), write.integers(0)], { keepdims: 0 });
	const norm = write.op('Sqrt', [squares], {}, 'norm');
	const finite = write.op('LessOrEqual', [norm, constant(FINITE)]);
	let gradient = mean;
	if (options.clip) {
		// As torch.nn.utils.clip_grad_norm_ has it.
		const factor = div(scalar('max_norm'), add(norm, constant(1e-6)));
		gradient = mul(mean, write.op('Min', [factor, constant(1)]));
	}
	const rate = scalar('learning_rate');
	const decay = mul(rate, scalar('weight_decay'));
	const shrink = sub(constant(1), options.decayMask ? mul(decay, vector('decay')) : decay);
	const kept = mul(parameters, shrink);
	const output = (name: string, next: string, before: string) => {
		write.op('Where', [finite, next, before], {}, `${name}_next`);
		graph.output(`${name}_next`, 'float32', ['length']);
	};

	const moment1 = vector('moment1');
	let step: string;
	if (kind === 'sgd') {
		const velocity = add(mul(moment1, constant(beta1)), gradient);
		output('moment1', velocity, moment1);
		step = mul(velocity, rate);
	} else {
		const moment2 = vector('moment2');
		const first = add(mul(moment1, constant(beta1)), mul(gradient, constant(1 - beta1)));
		const square = mul(mul(gradient, gradient), constant(1 - beta2));
		const second = add(mul(moment2, constant(beta2)), square);
		output('moment1', first, moment1);
		output('moment2', second, moment2);
		const root = write.op('Sqrt', [mul(second, scalar('correction2'))]);
		const direction = div(mul(first, scalar('correction1')), add(root, constant(epsilon)));
		step = mul(direction, rate);
	}
	output('parameters', sub(kept, step), parameters);
	graph.output('norm', 'float32', []);
	validate(graph);
	return model;
}

type Binary = (a: string, b: string) => string;

/** `sum_next` = `sum` + `gradient`, vectors [length]: gradients of several batches make one step. */
export function accumulatorGraph(): Model {
	const model = createModel('accumulator');
	const { graph } = model;
	for (const name of ['sum', 'gradient']) graph.input(name, 'float32', ['length']);
	graph.node('Add', ['sum', 'gradient'], ['sum_next']);
	graph.output('sum_next', 'float32', ['length']);
	return model;
}
