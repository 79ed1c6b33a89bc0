/** One module that a slot serves: a range of its output columns. */
export interface LoraPart {
	/** Its last name: `q_proj`. */
	module: string;
	/** `model.layers.3.self_attn.q_proj` */
	path: string;
	outFeatures: number;
	/** First of its columns among the slot's. */
	offset: number;
}

/** A place in the serve graph where x·A·B is added: the output of one linear, of several modules where the base fused them. */
export interface LoraSlot {
	name: string;
	layer: number;
	/** Name of the graph input `[adapter batch, inFeatures, rank]`. */
	a: string;
	/** Name of the graph input `[adapter batch, rank, outFeatures]`. */
	b: string;
	inFeatures: number;
	outFeatures: number;
	dataType: 'float32' | 'float16';
	parts: LoraPart[];
}
