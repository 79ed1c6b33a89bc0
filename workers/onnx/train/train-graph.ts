import { differentiate } from '../gradients/differentiate.ts';
import { GraphWriter } from '../graph-writer.ts';
import { lowerDecoder } from '../lower/decoder.ts';
import { ROW_SHAPE, ROW_SHAPES, TOKENS } from '../lower/inputs.ts';
import type { Model } from '../model.ts';
import { validate } from '../order.ts';
import { prune } from '../prune.ts';
import { layerInputs } from './checkpoints.ts';
import { crossEntropy } from './cross-entropy.ts';
import { expandLate } from './expand-late.ts';
import { FullParameters } from './full.ts';
import { Head } from './head.ts';
import { LoraBranches, type LoraOptions } from './lora.ts';
import { LayoutBuilder, type ParameterLayout } from './parameters.ts';
import { RowGradients } from './row-gradients.ts';
import { Trained } from './trained.ts';

export interface LossGraphOptions {
	/** The adapter that is trained or evaluated. */
	lora?: LoraOptions;
	/**
	 * Take all weights of the base from `parameters`, to train them (continued pre-training; 'sum' gradients only). With
	 * neither an adapter nor this, the base as it is stored can be evaluated.
	 */
	full?: boolean;
	/** Logits of how many tokens of the vocabulary exist at once; 4,096 unless told. */
	vocabularyChunk?: number;
	/** Of a graph that evaluates: also gives `expected`. */
	expected?: boolean;
	/**
	 * Takes the inputs `learnt` and `learnt_row` (learnt-tokens.ts): the vocabulary is computed for tokens with a label alone. Not for WebGPU,
	 * where each number of tokens would be another size of buffers.
	 */
	learntOnly?: boolean;
}

export interface TrainGraphOptions extends LossGraphOptions {
	/**
	 * 'sum': one gradient [length] of the batch. 'rows': one for each row, with respect to every B of an adapter whose B are zero, at less
	 * cost; `parameters` then are its A alone.
	 */
	gradient?: 'sum' | 'rows';
	/** Of gradients by row: the adapter that computes meanwhile, so that they are taken there and not at the base. Takes `adapter` and `scale`. */
	at?: LoraOptions;
	/** 'layers': keep each layer's input alone and compute the rest again on the way back: less memory, about 1.3 × the time. */
	recompute?: 'none' | 'layers';
	/** Takes the input `dropout`: a mask over what the adapters read. */
	dropout?: boolean;
	/** Takes the inputs `teacher` and `teacher_share`. Not with `full`, where the head changes. */
	teacher?: boolean;
}

/**
 * A graph of the loss, and of its gradient. Inputs (every size may change from run to run):
 *
 * - `input_ids`, `position_ids`, `segment_ids`, `labels`: int32 [batch, sequence]. Positions count from 0 within each sequence
 *   of a packed row; tokens see those of the same segment at positions up to their own. `labels` is the token that comes
 *   *next*, negative for none. Padding: any id, a segment of its own, no label.
 * - `weights`: float32 [batch, sequence], factor of each token's loss.
 * - `row_shape`: int64 [3], on the CPU: batch, sequence, −1.
 * - `parameters`: float32 [layout.length]; `scale`: float32 [], alpha / rank. Those two where there is an adapter, the scale not for
 *   gradients by row at the base; `adapter`: float32 [at.length], A and B of the adapter at which those are taken elsewhere.
 * - `dropout`: float32 [batch, sequence, dropoutWidth], 0 or 1 / (1 − p), where asked for.
 * - `learnt`: int32 [learnt], the tokens of the batch that have a label; `learnt_row`: int32 [batch, sequence], where each token stands in
 *   that list, or its length. Where asked for; `nll` and `expected` are 0 for the others then.
 * - `teacher`: float32 [batch, sequence, hidden], the output `expected` of another adapter, or of an earlier state of this one;
 *   `teacher_share`: float32 [], the part of each label that gives way to it (cross-entropy.ts). Where asked for.
 *
 * Outputs: `loss` float32 [batch], Σ weight · nll of each row; `weight` float32 [batch], Σ weight over tokens with a label;
 * then `gradient`, of Σ loss (not of the mean): float32 [length], or by row as `RowGradients.gather` has it. To evaluate, and with gradients by
 * row, `nll` float32 [batch, sequence], 0 where there is no label; to evaluate, `expected` float32 [batch, sequence, hidden], the mean of the head's rows under
 * the prediction.
 */
export interface LossGraph {
	model: Model;
	layout: ParameterLayout;
	/** Of the input `adapter`; empty where there is none. */
	at: ParameterLayout;
	/** Width of the hidden states. */
	hidden: number;
	/** Columns of the input `dropout`; 0 where it is not taken. */
	dropoutWidth: number;
	/** Numbers in one row's gradient; 0 where there is none by row. */
	rowWidth: number;
}

/**
 * The training graph of a decoder: loss, and gradient with respect to a LoRA adapter, or to all weights. The given model stays
 * as it is, and its stored weights are shared with the graph.
 *
 * Throws 'onnx/unsupported', naming operator and node, for a base that cannot be trained.
 */
export function trainGraph(model: Model, options: TrainGraphOptions): LossGraph {
	if (!options.lora === !options.full) throw new RangeError('either an adapter or all weights are trained');
	if (options.full && options.gradient === 'rows') throw new RangeError('gradients by row are for adapters');
	return buildLossGraph(model, options, options);
}

/** The forward loss alone, of the base or with an adapter. Throws as {@link trainGraph}. */
export function evaluateGraph(model: Model, options: LossGraphOptions = {}): LossGraph {
	return buildLossGraph(model, options, undefined);
}

function buildLossGraph(
	given: Model,
	{ lora, full, vocabularyChunk = 4096, expected = false, learntOnly = false }: LossGraphOptions,
	train: TrainGraphOptions | undefined
): LossGraph {
	const lowered = lowerDecoder(given);
	const { model, head } = lowered;
	const { graph } = model;
	const write = new GraphWriter(graph, 'train');
	graph.outputs = [];
	graph.input('labels', 'int32', [...TOKENS]);
	graph.input('weights', 'float32', [...TOKENS]);
	const flat = (value: string, ...width: number[]) =>
		write.op('Reshape', [value, write.integers(-1, ...width)]);
	const weights = flat('weights', 1);
	if (learntOnly) {
		graph.input('learnt', 'int32', ['learnt']);
		graph.input('learnt_row', 'int32', [...TOKENS]);
	}
	const taken = (value: string) => (learntOnly ? write.op('Gather', [value, 'learnt']) : value);
	const spread = (value: string, width: number) => {
		if (!learntOnly) return value;
		const zeros = `zeros/${width}`;
		if (!graph.initializers.has(zeros))
			graph.initializer(zeros, 'float32', [1, width], new Float32Array(width));
		return write.op('Gather', [write.op('Concat', [value, zeros], { axis: 0 }), flat('learnt_row')]);
	};
	const rowSum = (value: string) =>
		write.op('ReduceSum', [write.op('Reshape', [value, ROW_SHAPE]), write.integers(1, 2)], { keepdims: 0 });

	let layout = new LayoutBuilder();
	let headMatrix: string | undefined;
	const perRow = train?.gradient === 'rows';
	let trained: Trained | undefined;
	let rows: RowGradients | undefined;
	const at = new LayoutBuilder();
	let dropoutWidth = 0;
	if (lora && perRow) {
		rows = new RowGradients(write, lowered, lora, 'parameters', layout);
		graph.input('parameters', 'float32', [layout.length]);
		if (train.at) {
			new LoraBranches(write, lowered, train.at).add(at, new Trained(write, 'adapter'), 'scale', undefined);
			graph.input('adapter', 'float32', [at.length]);
			graph.input('scale', 'float32', []);
		}
	} else if (lora) {
		const branches = new LoraBranches(write, lowered, lora);
		graph.input('scale', 'float32', []);
		dropoutWidth = train?.dropout ? branches.dropoutWidth : 0;
		if (train?.dropout) graph.input('dropout', 'float32', [...TOKENS, dropoutWidth]);
		const mask = train?.dropout ? flat('dropout', dropoutWidth) : undefined;
		trained = new Trained(write, 'parameters');
		branches.add(layout, trained, 'scale', mask);
		graph.input('parameters', 'float32', [layout.length]);
	}

	if (full) {
		trained = new Trained(write, 'parameters');
		const parameters = new FullParameters(write, lowered);
		({ layout } = parameters);
		headMatrix = parameters.take(trained);
		graph.input('parameters', 'float32', [layout.length]);
	}

	const matrix = new Head(graph, write, head, headMatrix);
	if (train?.teacher) {
		graph.input('teacher', 'float32', [...TOKENS, matrix.hidden]);
		graph.input('teacher_share', 'float32', []);
	}
	const teacher = train?.teacher && {
		expected: taken(flat('teacher', matrix.hidden)),
		share: 'teacher_share'
	};
	const factors = taken(weights);
	const loss = crossEntropy(
		write,
		matrix,
		{ hidden: taken(head.x), labels: taken(flat('labels')), weights: factors, ...(teacher && { teacher }) },
		{
			chunk: vocabularyChunk,
			expected: train !== undefined || expected,
			gradient: train !== undefined,
			headGradient: train !== undefined && headMatrix !== undefined
		}
	);
	graph.node('Identity', [rowSum(spread(write.op('Mul', [loss.nll, factors]), 1))], ['loss']);
	graph.node('Identity', [rowSum(spread(write.op('Mul', [loss.counted, factors]), 1))], ['weight']);
	graph.output('loss', 'float32', ['batch']);
	graph.output('weight', 'float32', ['batch']);
	if (!train || perRow) {
		graph.node(
			'Reshape',
			[write.op('Reshape', [spread(loss.nll, 1), ROW_SHAPE]), write.integers(0, -1)],
			['nll']
		);
		graph.output('nll', 'float32', [...TOKENS]);
	}
	if (!train) {
		if (loss.expected) {
			const rows = write.op('Reshape', [spread(loss.expected, matrix.hidden), ROW_SHAPE]);
			graph.node('Identity', [rows], ['expected']);
			graph.output('expected', 'float32', [...TOKENS, matrix.hidden]);
		}
	} else if (loss.gradient) {
		const { headGradient } = loss;
		const headSeed: [string, string][] = headMatrix && headGradient ? [[headMatrix, headGradient]] : [];
		const gradients = differentiate(graph, {
			from: new Map([[head.x, spread(loss.gradient, matrix.hidden)], ...headSeed]),
			to: rows?.outputs ?? trained?.tensors.map(({ value }) => value) ?? [],
			shapes: ROW_SHAPES,
			checkpoints: train.recompute === 'layers' ? layerInputs(lowered) : []
		});
		rows?.gather(gradients, 'gradient');
		trained?.gather(gradients, 'gradient');
		graph.output('gradient', 'float32', rows ? ['batch', rows.width] : [layout.length]);
	}
	prune(graph);
	expandLate(graph);
	validate(graph);
	return { model, layout, at, hidden: matrix.hidden, dropoutWidth, rowWidth: rows?.width ?? 0 };
}

/**
 * A graph without inputs that gives the base's stored weights as the vector `parameters` that `full` graphs take: where continued
 * pre-training begins. Throws as {@link trainGraph}.
 */
export function storedParametersGraph(given: Model): Pick<LossGraph, 'model' | 'layout'> {
	const lowered = lowerDecoder(given);
	const { model } = lowered;
	const { graph } = model;
	const parameters = new FullParameters(new GraphWriter(graph, 'stored'), lowered);
	parameters.read('parameters');
	graph.outputs = [];
	graph.inputs = [];
	graph.output('parameters', 'float32', [parameters.layout.length]);
	prune(graph);
	validate(graph);
	return { model, layout: parameters.layout };
}
