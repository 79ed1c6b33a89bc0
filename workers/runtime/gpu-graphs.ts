import { analyseDecoder } from '#workers/onnx/decoder.ts';
import { fuseLinears } from '#workers/onnx/fuse.ts';
import { onlyConsumer } from '#workers/onnx/linear.ts';
import type { Model } from '#workers/onnx/model.ts';
import { prune } from '#workers/onnx/prune.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';

/** The graphs of one model that run on one copy of its weights (docs/decisions/adapter-graphs.md). */
export interface GpuGraphs {
	/** No adapter: gate and up apart, so that onnxruntime fuses the whole MLP; q, k and v packed where attention takes them. */
	base: Model;
	/** One adapter, one row: each branch added by a Gemm. */
	adapter: Model;
	/** Rows with adapters of their own. */
	rows: Model;
	/** The same for both adapter graphs. */
	slots: LoraSlot[];
}

/** @throws OpenLedgerError `onnx/unsupported` for a graph that is no decoder with keys and values */
export function gpuGraphs(model: Model): GpuGraphs {
	const base = rewriteForServing(model, { lora: 'none', fuse: false, mask: 'lengths' }).model;
	packProjections(base);
	const adapter = rewriteForServing(model, { lora: 'gemm', fuse: true, mask: 'lengths' });
	const rows = rewriteForServing(model, { lora: 'matmul', fuse: true, mask: 'lengths' });
	return { base, adapter: adapter.model, rows: rows.model, slots: adapter.slots };
}

/**
 * Joins q, k and v into one linear where the attention operator reads them directly: it then splits, rotates and stores
 * them in one program. Where something stands between (Qwen3's norms), they stay apart and are fused by onnxruntime.
 */
function packProjections(model: Model): void {
	const { graph } = model;
	for (const { layer, attention } of analyseDecoder(model).layers) {
		if (attention?.operator?.opType !== 'GroupQueryAttention') continue;
		const { operator } = attention;
		const linears = [attention.q, attention.k, attention.v].map(({ linear }) => linear);
		const direct = linears.every(
			({ output }, i) => operator.inputs[i] === output && onlyConsumer(graph, output) === operator
		);
		const packed = direct ? fuseLinears(graph, linears, `packed.${layer}.qkv`) : undefined;
		if (packed === undefined) continue;
		for (const { node, bias } of linears) {
			if (bias) graph.removeNode(bias.node);
			graph.removeNode(node);
		}
		graph.update(operator, { inputs: [packed, '', '', ...operator.inputs.slice(3)] });
	}
	prune(graph);
}
