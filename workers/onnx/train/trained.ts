import type { GraphWriter } from '../graph-writer.ts';
import { sizeOf } from './parameters.ts';

/** The parameter vector as a graph reads it, tensor by tensor. Gradients are taken with respect to the tensors cut out. */
export class Trained {
	/** Whether every row of the batch has the vector for itself, so that its gradient can be told from the others'. */
	readonly perRow: boolean;
	readonly tensors: { value: string; offset: number; size: number }[] = [];
	readonly #write: GraphWriter;
	readonly #vector: string;

	/** @param vector [length], or [batch, length] where `perRow` */
	constructor(write: GraphWriter, vector: string, perRow: boolean) {
		this.#write = write;
		this.#vector = vector;
		this.perRow = perRow;
	}

	/** The tensor that lies at `offset`; with a leading batch axis where `perRow`. */
	take(offset: number, shape: readonly number[]): string {
		const write = this.#write;
		const size = sizeOf(shape);
		const ends = [offset, offset + size, this.perRow ? 1 : 0].map((value) => write.integers(value));
		const flat = write.op('Slice', [this.#vector, ...ends]);
		const target = this.perRow ? [0, ...shape] : shape;
		const value = write.op('Reshape', [flat, write.integers(...target)]);
		this.tensors.push({ value, offset, size });
		return value;
	}

	/** Gradients of the tensors as one vector in the order of the parameters. */
	gather(gradients: ReadonlyMap<string, string>, output: string): void {
		const write = this.#write;
		const flat = this.tensors
			.toSorted((a, b) => a.offset - b.offset)
			.map(({ value }) => {
				const gradient = gradients.get(value);
				if (gradient === undefined) throw new RangeError(`the loss does not depend on ${value}`);
				return write.op('Reshape', [gradient, write.integers(...(this.perRow ? [0, -1] : [-1]))]);
			});
		write.op('Concat', flat, { axis: this.perRow ? 1 : 0 }, output);
	}
}
