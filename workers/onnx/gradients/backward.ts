import { unsupported } from '../failure.ts';
import type { Node } from '../graph.ts';
import type { GraphWriter, ScalarType } from '../graph-writer.ts';
import type { Dim } from '../types.ts';

/** Makes a contribution to a gradient; given what was contributed so far, it returns the sum of both. */
export type Contribution = (sum: string | undefined) => string;

/** What a gradient rule sees of the node it turns around. */
export interface Backward {
	readonly node: Node;
	readonly write: GraphWriter;
	/** Type of the node's result: float32, or float64 in tests. */
	readonly dataType: ScalarType;
	/** An input as it was in the forward pass. Asking for one keeps it in memory until now, or has it computed again. */
	input(index: number): string;
	/** An output as it was in the forward pass. */
	output(index?: number): string;
	/** Shape of an input. Throws 'onnx/unsupported' where it cannot be told. */
	dims(index: number): readonly Dim[];
	outputDims(index?: number): readonly Dim[];
	/** Elements of a constant integer input; undefined where it is left out or not constant. */
	integers(index: number): number[] | undefined;
	/** The value of a constant input of one element. */
	constant(index: number): number | undefined;
	/** An input with its last two axes exchanged; the value itself where the input was made by such an exchange. */
	transposed(index: number): string;
	/** Gradient of the loss with respect to an output; undefined where the loss does not depend on it. */
	gradient(index: number): string | undefined;
	/** The same, perhaps with axes of length 1 along which it is constant: for a rule that multiplies it by a whole value. */
	narrowGradient(index: number): string | undefined;
	/** Whether a gradient with respect to this input is needed. */
	wants(index: number): boolean;
	/**
	 * Adds a value to an input's gradient. Its shape is that of the first output unless told: axes along which the input was
	 * broadcast are summed; axes of length 1 where the input is longer stand for a gradient that is constant along them.
	 */
	give(index: number, gradient: string, dims?: readonly Dim[]): void;
	/** Adds to an input's gradient a value of its own shape, which can take up the sum so far in the same operation. */
	accumulate(index: number, contribution: Contribution): void;
	/** A value of shape `from` with the shape `to` of as many elements. */
	reshape(value: string, from: readonly Dim[], to: readonly Dim[]): string;
	/** A scalar of the node's type. */
	scalar(value: number): string;
	/** The error to throw for a form of the operator that has no rule. */
	refuse(why: string): Error;
}

/** How the gradient passes one operator: from its outputs to the inputs that want one. */
export type GradientRule = (at: Backward) => void;

/** A base that can run and not be trained: which operator, and why. */
export const untrainable = (node: Pick<Node, 'name' | 'opType' | 'domain'>, why: string) =>
	unsupported(
		`This model cannot be trained: ${node.domain ? `${node.domain}.` : ''}${node.opType} '${node.name}' ${why}.`,
		{ node: node.name, operator: node.opType }
	);
