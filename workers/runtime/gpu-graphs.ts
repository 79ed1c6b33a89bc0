import type { Model } from '#workers/onnx/model.ts';
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
	const mask = 'lengths';
	const base = rewriteForServing(model, { lora: 'none', fuse: 'attention', mask });
	const adapter = rewriteForServing(model, { lora: 'gemm', fuse: true, mask });
	const rows = rewriteForServing(model, { lora: 'matmul', fuse: true, mask });
	return { base: base.model, adapter: adapter.model, rows: rows.model, slots: adapter.slots };
}

/**
 * Whether attention extends a preallocated cache in place. GroupQueryAttention does; attention made of primitives returns
 * a longer one.
 */
export function extendsInPlace(model: Model): boolean {
	return [...model.graph.nodes].some(({ opType }) => opType === 'GroupQueryAttention');
}
