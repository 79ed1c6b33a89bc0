import type { GraphWriter } from '../graph-writer.ts';
import { NEVER } from '../gradients/recompute.ts';
import type { Head, HeadRows } from './head.ts';

export interface CrossEntropy {
	/** −log p of each token's label, 0 where there is none: [tokens, 1]. */
	nll: string;
	/** 1 where a token has a label, else 0: [tokens, 1]. */
	counted: string;
	/** d Σ weight · nll / d hidden, [tokens, hidden], where asked for. */
	gradient: string | undefined;
	/** d Σ weight · nll / d head, [vocab, hidden], where asked for. */
	headGradient: string | undefined;
	/** Σ p · row of the head: what the model expects, [tokens, hidden], where asked for. */
	expected: string | undefined;
}

/** Expectations of a teacher, and which share of the target is theirs instead of the label's. */
export interface Teacher {
	/** Its Σ p · row over the same head, [tokens, hidden]. */
	expected: string;
	/** float32 [], 0 to 1 */
	share: string;
}

/**
 * Cross-entropy of the next token over hidden states [tokens, hidden], a stretch of the vocabulary at a time, so that no
 * more than [tokens, chunk] logits exist at once. As flash attention does (Dao et al. 2022), it keeps the largest logit so far,
 * Σ exp and Σ exp · row, and scales them when a larger one comes: each stretch is computed once.
 * The gradient is weight · (Σ p · row − row of the label): neither one-hot vectors nor scattering, which leave the GPU.
 *
 * With a teacher it is that of the distillation loss (Hinton et al. 2015) at temperature 1, −Σ q · log p with
 * q = (1 − share) · label + share · teacher's p. Of the teacher it needs no more than Σ p · row, since all logits are products
 * with rows of one head. The reported nll is that of the labels all the same.
 *
 * @param labels int32 [tokens], negative for none
 * @param weights float32 [tokens, 1]
 */
export function crossEntropy(
	write: GraphWriter,
	head: Head,
	input: { hidden: string; labels: string; weights: string; teacher?: Teacher },
	options: { chunk: number; expected: boolean; gradient: boolean; headGradient: boolean }
): CrossEntropy {
	const { hidden, labels } = input;
	const labelled = write.op('GreaterOrEqual', [labels, write.scalar('int32', 0)]);
	const safe = write.op('Mul', [labels, write.op('Cast', [labelled], { to: 6 })]);
	const column = write.op('Reshape', [write.op('Cast', [labelled], { to: 1 }), write.integers(-1, 1)]);
	const targets = head.rowsOf(safe);
	const last = write.integers(-1);
	const sumOf = (value: string) => write.op('ReduceSum', [value, last], { keepdims: 1 });
	let chosen = sumOf(write.op('Mul', [hidden, targets]));
	if (head.bias) {
		const biases = write.op('Gather', [head.bias, safe]);
		chosen = write.op('Add', [chosen, write.op('Reshape', [biases, write.integers(-1, 1)])]);
	}

	let largest: string | undefined;
	let total = '';
	let mean = '';
	const logitsOf = (from: number, to: number, { value, byOutput }: HeadRows, read = hidden) => {
		const operands = [read, value];
		if (head.bias) operands.push(stretch(write, head.bias, from, to, head.vocab));
		return write.op('Gemm', operands, byOutput ? { transB: 1 } : {});
	};
	for (let from = 0; from < head.vocab; from += options.chunk) {
		const to = Math.min(from + options.chunk, head.vocab);
		const matrix = head.rows(from, to);
		const { value, byOutput } = matrix;
		// A stretch is begun when the one before is done, or onnxruntime computes the logits of all first.
		const read = largest === undefined ? hidden : held(write, hidden, total, mean || total);
		const logits = logitsOf(from, to, matrix, read);
		const here = write.op('ReduceMax', [logits, last], { keepdims: 1 });
		const now = largest === undefined ? here : write.op('Max', [largest, here]);
		const exps = write.op('Exp', [write.op('Sub', [logits, now])]);
		const share = sumOf(exps);
		const rows = (sum: string[]) => write.op('Gemm', [exps, value, ...sum], byOutput ? {} : { transB: 1 });
		if (largest === undefined) {
			total = share;
			if (options.expected) mean = rows([]);
		} else {
			const fade = write.op('Exp', [write.op('Sub', [largest, now])]);
			total = write.op('Add', [write.op('Mul', [total, fade]), share]);
			if (options.expected) mean = rows([write.op('Mul', [mean, fade])]);
		}
		largest = now;
	}
	const normaliser = write.op('Add', [largest ?? '', write.op('Log', [total])]);
	const nll = write.op('Mul', [write.op('Sub', [normaliser, chosen]), column]);
	const expected = options.expected ? write.op('Div', [mean, total]) : undefined;
	const forward = { nll, counted: column, expected, gradient: undefined, headGradient: undefined };
	if (!options.gradient || expected === undefined) return forward;
	const weight = write.op('Mul', [input.weights, column]);
	let wanted = targets;
	if (input.teacher) {
		const apart = write.op('Sub', [input.teacher.expected, targets]);
		wanted = write.op('Add', [targets, write.op('Mul', [apart, input.teacher.share])]);
	}
	const gradient = write.op('Mul', [write.op('Sub', [expected, wanted]), weight]);
	if (!options.headGradient) return { ...forward, gradient };

	// A second pass, now that the normaliser is known: Σ p · weight · hidden, less the label's share.
	const weighted = write.op('Mul', [hidden, weight]);
	const parts: string[] = [];
	for (let from = 0; from < head.vocab; from += options.chunk) {
		const to = Math.min(from + options.chunk, head.vocab);
		const logits = logitsOf(from, to, head.rows(from, to));
		const shares = write.op('Exp', [write.op('Sub', [logits, normaliser])]);
		parts.push(write.op('Gemm', [shares, weighted], { transA: 1 }));
	}
	const spread = parts.length > 1 ? write.op('Concat', parts, { axis: 0 }) : (parts[0] ?? '');
	const places = write.op('Cast', [write.op('Reshape', [safe, write.integers(-1, 1)])], { to: 7 });
	const taken = write.op('Neg', [weighted]);
	const headGradient = write.op('ScatterND', [spread, places, taken], { reduction: 'add' });
	return { ...forward, gradient, headGradient };
}

/** The hidden states, once `after` is there: a Where whose condition, Σ exp beyond every number, is never true. */
function held(write: GraphWriter, hidden: string, total: string, after: string): string {
	const largest = write.op('ReduceMax', [total], { keepdims: 0 });
	return write.op('Where', [write.op('Greater', [largest, write.scalar('float32', NEVER)]), after, hidden]);
}

function stretch(write: GraphWriter, value: string, from: number, to: number, length: number): string {
	if (to - from === length) return value;
	return write.op('Slice', [value, write.integers(from), write.integers(to), write.integers(0)]);
}
