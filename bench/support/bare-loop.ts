import { Tensor, type InferenceSession } from 'onnxruntime-common';

/** The plainest decoding there is: `session.run` in a loop, the cache handed from outputs to inputs, an argmax. */
export async function bareLoop(
	session: InferenceSession,
	prompt: readonly number[],
	count: number,
	extra: Record<string, Tensor>
): Promise<number[]> {
	const int64 = (values: readonly number[]) =>
		new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
	let cache: Record<string, Tensor> = {};
	for (const input of session.inputMetadata)
		if (input.isTensor && input.name.startsWith('past_key_values')) {
			const dims = input.shape.map((dim, axis) => (axis === 0 ? 1 : typeof dim === 'number' ? dim : 0));
			cache[input.name] = new Tensor('float32', new Float32Array(0), dims);
		}
	const tokens = [...prompt];
	let fresh = [...prompt];
	for (let i = 0; i < count; i++) {
		const outputs = await session.run({
			input_ids: int64(fresh),
			attention_mask: int64(tokens.map(() => 1)),
			position_ids: int64(fresh.map((_, j) => tokens.length - fresh.length + j)),
			num_logits_to_keep: new Tensor('int64', BigInt64Array.of(1n), []),
			...cache,
			...extra
		});
		cache = Object.fromEntries(
			Object.entries(outputs)
				.filter(([name]) => name.startsWith('present'))
				.map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor as Tensor])
		);
		const logits = outputs.logits?.data as Float32Array;
		let next = 0;
		for (let j = 1; j < logits.length; j++) if ((logits[j] as number) > (logits[next] as number)) next = j;
		tokens.push(next);
		fresh = [next];
	}
	return tokens.slice(prompt.length);
}
