import { readFileSync } from 'node:fs';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { int64, type Values } from '#test/support/onnx/run-decoder.ts';
import { arbitraryFeeds, loadEngine, openLoss } from './loss-session.ts';
import { readShapeGraph } from './models.ts';

const [BATCH, LENGTH, RANK] = [4, 512, 8];
/** What a run takes beyond its tensors stays out of the figure: blocks kept for the next run of another shape. */
const OPTIONS = {
	executionProviders: ['cpu'],
	enableCpuMemArena: false,
	enableMemPattern: false,
	intraOpNumThreads: 2
};

/** Linux: highest and present resident memory of this process, bytes. */
function resident(field: 'VmHWM' | 'VmRSS'): number {
	const status = readFileSync('/proc/self/status', 'utf8');
	return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) * 1024;
}

/**
 * Peak memory, in bytes, that one run over 4 × 512 tokens takes with the 135M shape in 4 bits on Node's CPU provider: the
 * prompt of a reply (the serve graph, logits of the last token), or a training step with recomputation and AdamW's state.
 */
export async function measure(what: 'inference' | 'training'): Promise<number> {
	const { read } = readShapeGraph('smollm2-135m');
	const ort = await loadEngine('cpu');
	globalThis.gc?.();
	const before = resident('VmRSS');
	if (what === 'inference') {
		const { model, info } = rewriteForServing(read.model, { lora: 'none', fuse: false, head: 'keep' });
		const run = await openLoss(ort, { model }, read.sources, OPTIONS);
		const { input_ids: ids } = arbitraryFeeds(BATCH, LENGTH, info.vocabSize, { slices: [], length: 0 });
		const feeds: Record<string, Values> = {
			input_ids: int64(Array.from(ids.data, Number), ids.dims),
			attention_mask: int64(new Array<number>(BATCH * LENGTH).fill(1), ids.dims),
			position_ids: int64(
				Array.from({ length: BATCH * LENGTH }, (_, i) => i % LENGTH),
				ids.dims
			),
			num_logits_to_keep: int64([1], [])
		};
		for (const { pastKey, pastValue } of info.cache)
			for (const name of [pastKey, pastValue])
				feeds[name] = { data: new Float32Array(0), dims: [BATCH, info.kvHeads, 0, info.headDim] };
		await run(feeds);
	} else {
		const graph = trainGraph(read.model, { lora: { rank: RANK }, recompute: 'layers' });
		const run = await openLoss(ort, graph, read.sources, OPTIONS);
		const moments = [1, 2].map(() => new Float32Array(graph.layout.length).fill(1e-3));
		const feeds = arbitraryFeeds(BATCH, LENGTH, 49152, graph.layout);
		const { gradient } = await run(feeds);
		if (gradient?.dims[0] !== moments[0]?.length) throw new Error('the gradient has another length');
	}
	return resident('VmHWM') - before;
}
