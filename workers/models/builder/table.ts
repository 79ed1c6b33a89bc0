import type { DecoderConfig } from './config.ts';
import { floatInitializer, int64s, MICROSOFT, nodeName, type Emitter } from './emitter.ts';
import { linears, matMulNBits, quantisedInitializers, type QuantisedWeight } from './linear.ts';
import { BLOCK } from './quantise.ts';

const EMBEDDING = 'model.embed_tokens';

/** The token embedding in the graph, for a tied output head to use again. */
export interface Embedding {
	/** [batch, sequence, hidden] */
	output: string;
	/** The table [vocab, hidden]: in blocks, or the name of a floating-point initialiser. */
	table: QuantisedWeight | string;
}

/** The rows of the embedding table for `input_ids`. */
export function embedding(emitter: Emitter, config: DecoderConfig): Embedding {
	const { graph, weights, precision } = emitter;
	const name = nodeName(EMBEDDING);
	const gathered = `${name}/Gather/output_0`;
	if (!precision.table) {
		const values = weights.rows(`${EMBEDDING}.weight`, 0, config.vocab);
		const table = floatInitializer(emitter, `${EMBEDDING}.weight`, [config.vocab, config.hidden], values);
		graph.node('Gather', [table, 'input_ids'], [gathered], { axis: 0 }, '', `${name}/Gather`);
		return { output: gathered, table };
	}
	const [table] = quantisedInitializers(emitter, [EMBEDDING], precision.table);
	if (!table) throw new RangeError('no embedding table');
	// MatMulNBits wants scales [rows, blocks], the gather as many axes as the codes have: one stored tensor serves both.
	graph.node(
		'Unsqueeze',
		[table.scales, int64s(emitter, [2])],
		[`${name}/scales`],
		{},
		'',
		`${name}/Unsqueeze`
	);
	graph.node(
		'GatherBlockQuantized',
		[table.codes, 'input_ids', `${name}/scales`],
		[gathered],
		{ gather_axis: 0, quantize_axis: 2, block_size: BLOCK, bits: table.matrix.bits },
		MICROSOFT,
		`${name}/Gather_Q${table.matrix.bits}`
	);
	const padded = table.matrix.blocks * BLOCK;
	let output = `${name}/Reshape/output_0`;
	graph.node('Reshape', [gathered, int64s(emitter, [0, 0, padded])], [output], {}, '', `${name}/Reshape`);
	if (padded !== config.hidden) {
		const [start, end, axis] = [0, config.hidden, 2].map((value) => int64s(emitter, [value]));
		const slice = `${name}/Slice/output_0`;
		graph.node('Slice', [output, start, end, axis] as string[], [slice], {}, '', `${name}/Slice`);
		output = slice;
	}
	return { output, table };
}

/** `logits` of the hidden states [batch, kept, hidden]. */
export function outputHead(
	emitter: Emitter,
	config: DecoderConfig,
	{ table }: Embedding,
	hidden: string
): void {
	const { graph, precision } = emitter;
	let logits: string | undefined;
	if (!config.tied) [logits] = linears(emitter, hidden, ['lm_head'], precision.table);
	else if (typeof table !== 'string') logits = matMulNBits(emitter, table, hidden, 'lm_head');
	else {
		graph.node('Transpose', [table], ['/lm_head/weight'], { perm: [1, 0] }, '', '/lm_head/Transpose');
		logits = '/lm_head/MatMul/output_0';
		graph.node('MatMul', [hidden, '/lm_head/weight'], [logits], {}, '', '/lm_head/MatMul');
	}
	const head = graph.producer(logits ?? '');
	if (head) graph.update(head, { outputs: ['logits'] });
}
