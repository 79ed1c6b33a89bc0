import { readFileSync } from 'node:fs';
import type { Values } from '#test/support/onnx/run-decoder.ts';
import { trainingFeeds } from '#test/support/onnx/training.ts';
import { optimiserGraph } from '#workers/onnx/train/optimiser.ts';
import { storedParametersGraph, trainGraph } from '#workers/onnx/train/train-graph.ts';
import { loadEngine, openLoss } from './support/loss-session.ts';
import { readShapeGraph } from './support/models.ts';

interface Reference {
	settings: {
		steps: number;
		batch: number;
		length: number;
		stride: number;
		rate: number;
		warmup: number;
		decay: number;
		clip: number;
	};
	ids: number[];
	losses: number[];
}

const scalar = (value: number): Values => ({ data: Float32Array.of(value), dims: [] });

/**
 * Continued pre-training: all weights of nano trained on a page of US government text (public domain) for 200 steps by our
 * graphs, and how far the loss is ever from PyTorch's on the same batches (support/pretrain-reference.py), each smoothed over
 * ten steps.
 */
export async function run(): Promise<object> {
	const file = new URL('support/pretrain-reference.json', import.meta.url);
	const { settings, ids, losses: wanted } = JSON.parse(readFileSync(file, 'utf8')) as Reference;
	const { read } = readShapeGraph('nano');
	const ort = await loadEngine('cpu');
	const options = { executionProviders: ['cpu'], intraOpNumThreads: 2 };
	const stored = storedParametersGraph(read.model);
	const graph = trainGraph(read.model, { full: true });
	const first = await (await openLoss(ort, stored, read.sources, options))({});
	const loss = await openLoss(ort, graph, read.sources, options);
	const adamw = { kind: 'adamw', clip: true, decayMask: true } as const;
	const step = await openLoss(ort, { model: optimiserGraph(adamw) }, read.sources, options);

	const dims = [graph.layout.length];
	const vector = (data: unknown): Values => ({ data: data as Float32Array, dims });
	const decay = new Float32Array(graph.layout.length);
	for (const { offset, shape } of graph.layout.slices)
		if (shape.length > 1) decay.fill(1, offset, offset + (shape[0] ?? 0) * (shape[1] ?? 0));
	let state = {
		parameters: vector(first.parameters?.data),
		moment1: vector(new Float32Array(graph.layout.length)),
		moment2: vector(new Float32Array(graph.layout.length))
	};
	const { batch, length, stride } = settings;
	const found: number[] = [];
	for (let t = 0; t < settings.steps; t++) {
		const starts = Array.from(
			{ length: batch },
			(_, row) => ((t * batch + row) * stride) % (ids.length - length - 1)
		);
		// One token more than is read: the last has no label of its own and nothing attends to it.
		const rows = starts.map((start) => ({ sequences: [ids.slice(start, start + length + 1)] }));
		const out = await loss({ ...trainingFeeds(rows), parameters: state.parameters });
		const tokens = batch * length;
		found.push((out.loss?.data as Float32Array).reduce((sum, value) => sum + value, 0) / tokens);
		const next = await step({
			...state,
			gradient: vector(out.gradient?.data),
			decay: vector(decay),
			gradient_scale: scalar(1 / tokens),
			learning_rate: scalar(settings.rate * Math.min(1, (t + 1) / settings.warmup)),
			weight_decay: scalar(settings.decay),
			max_norm: scalar(settings.clip),
			correction1: scalar(1 / (1 - 0.9 ** (t + 1))),
			correction2: scalar(1 / (1 - 0.999 ** (t + 1)))
		});
		state = {
			parameters: vector(next.parameters_next?.data),
			moment1: vector(next.moment1_next?.data),
			moment2: vector(next.moment2_next?.data)
		};
	}
	const smooth = (losses: readonly number[], end: number) =>
		losses.slice(end - 10, end).reduce((sum, value) => sum + value, 0) / 10;
	const apart = Array.from({ length: settings.steps - 9 }, (_, i) =>
		Math.abs(smooth(found, i + 10) / smooth(wanted, i + 10) - 1)
	);
	const round = (value: number) => Number(value.toPrecision(4));
	return {
		loss_difference: round(Math.max(...apart)),
		single_step_difference: round(
			Math.max(...found.map((value, i) => Math.abs(value / (wanted[i] ?? NaN) - 1)))
		),
		first_loss: round(smooth(found, 10)),
		last_loss: round(smooth(found, settings.steps)),
		pytorch_last_loss: round(smooth(wanted, settings.steps)),
		steps: settings.steps
	};
}
