import type { OpenModel } from '#workers/models/open-model.ts';
import { requireTokenizerFits } from '#workers/models/tokenizer/tokenizer.ts';
import type { AdapterLibrary } from './adapter-library.ts';
import { Base } from './base.ts';
import { startDecoder, type StartOptions } from './start-decoder.ts';

/**
 * Starts a stored model. The base takes `open` over and closes it in the end.
 * @throws OpenLedgerError `onnx/*`, `tokenizer/mismatch`, `device/*`, `engine/failed`
 */
export async function startBase(
	open: OpenModel,
	library: AdapterLibrary,
	options: StartOptions
): Promise<Base> {
	const { item, tokenizer, contextLength, dtype, sha256, hashes } = open;
	const started = await startDecoder(open, options);
	const { decoder, slots, provider, caution } = started;
	try {
		const { vocabSize } = decoder.shape;
		requireTokenizerFits(tokenizer, vocabSize);
		return new Base({
			...started,
			info: {
				id: item.id,
				name: item.name,
				sha256,
				hashes,
				dtype,
				provider,
				contextLength,
				vocabSize,
				caution
			},
			open,
			adapterBase: { name: item.name, hashes, slots },
			library
		});
	} catch (error) {
		await decoder.dispose();
		throw error;
	}
}
