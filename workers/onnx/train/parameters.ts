/** One tensor in the flat vector of what is trained. */
export interface ParameterSlice {
	/** As PEFT names it ('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'), or the checkpoint's own name. */
	name: string;
	/** First element in the vector. */
	offset: number;
	/** Row-major: A is [rank, in], B is [out, rank], a matrix [out, in]. */
	shape: readonly number[];
}

/** Where each tensor lies in the one float32 vector that holds parameters, gradients, or an optimiser's moments. */
export interface ParameterLayout {
	slices: readonly ParameterSlice[];
	/** Elements of the vector. */
	length: number;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** Lays tensors one after another. */
export class LayoutBuilder implements ParameterLayout {
	readonly slices: ParameterSlice[] = [];
	length = 0;

	/** Returns the tensor's offset. */
	add(name: string, shape: readonly number[]): number {
		const offset = this.length;
		this.slices.push({ name, offset, shape });
		this.length += sizeOf(shape);
		return offset;
	}
}
