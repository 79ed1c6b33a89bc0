import type { GraphWriter } from '../graph-writer.ts';
import { sizeOf } from './parameters.ts';

/** The parameter vector as a graph reads it, tensor by tensor. Gradients are taken with respect to the tensors cut out. */
export class Trained {
	readonly tensors: { value: string; offset: number; size: number }[] = [];
	readonly #write: GraphWriter;
	readonly #vector: string;

	/** @param vector [length] */
	constructor(write: GraphWriter, vector: string) {
		this.#write = write;
		this.#vector = vector;
	}

	/** The tensor that lies at `offset`. */
	take(offset: number, shape: readonly number[]): string {
		const write = this.#write;
		const size = sizeOf(shape);
		const ends = [offset, offset + size, 0].map((value) => write.integers(value));
		const flat = write.op('Slice', [this.#vector, ...ends]);
		const value = write.op('Reshape', [flat, write.integers(...shape)]);
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
				return write.op('Reshape', [gradient, write.integers(-1)]);
			});
		write.op('Concat', flat, { axis: 0 }, output);
	}
}
