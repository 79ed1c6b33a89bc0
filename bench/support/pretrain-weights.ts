import { writeFileSync } from 'node:fs';
import { writeSafetensors } from '#workers/formats/safetensors.ts';
import { storedParametersGraph } from '#workers/onnx/train/train-graph.ts';
import { loadEngine, openLoss } from './loss-session.ts';
import { readShapeGraph } from './models.ts';

/** `node bench/support/pretrain-weights.ts FILE`: the bundled model's weights as float32 safetensors, for pretrain-reference.py. */
const { read } = readShapeGraph('nano');
const { model, layout } = storedParametersGraph(read.model);
const run = await openLoss(await loadEngine('cpu'), { model }, read.sources, { executionProviders: ['cpu'] });
const values = (await run({})).parameters?.data as Float32Array;
const tensors = layout.slices.map(({ name, offset, shape }) => {
	const size = shape.reduce((product, length) => product * length, 1);
	return [name, { dtype: 'F32', shape: [...shape], data: values.subarray(offset, offset + size) }] as const;
});
writeFileSync(process.argv[2] ?? 'model.safetensors', writeSafetensors(new Map(tensors)));
