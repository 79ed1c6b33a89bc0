import { f32ToBf16, f32ToF16 } from '#workers/formats/half.ts';
import { writeSafetensors, type TensorData } from '#workers/formats/safetensors.ts';
import { CONFIG_FILE, PEFT_PREFIX, WEIGHTS_FILE, type LoraAdapter } from './lora-adapter.ts';
import { formatAdapterConfig } from './lora-config.ts';

/** Stored precision; F16 and BF16 round to nearest even. */
type StoredDtype = 'F32' | 'F16' | 'BF16';

const encode: Record<StoredDtype, (values: Float32Array) => ArrayBufferView> = {
	F32: (values) => values,
	F16: (values) => f32ToF16(values),
	BF16: (values) => f32ToBf16(values)
};

/**
 * An adapter's files in PEFT's layout, by name: what `PeftModel.from_pretrained` opens.
 *
 * The scales come from the configuration, not from the modules, as they do when read. Values beyond F16's range become
 * infinite; an adapter that large would be refused when read.
 */
export function writeAdapter(
	{ config, modules }: LoraAdapter,
	dtype: StoredDtype = 'F32'
): Map<typeof CONFIG_FILE | typeof WEIGHTS_FILE, Uint8Array<ArrayBuffer>> {
	const tensors = new Map<string, TensorData>();
	for (const [path, { a, b, rank, inFeatures, outFeatures }] of modules) {
		const name = `${PEFT_PREFIX}${path}.lora_`;
		tensors.set(`${name}A.weight`, { dtype, shape: [rank, inFeatures], data: encode[dtype](a) });
		tensors.set(`${name}B.weight`, { dtype, shape: [outFeatures, rank], data: encode[dtype](b) });
	}
	return new Map([
		[CONFIG_FILE, new TextEncoder().encode(formatAdapterConfig(config))],
		[WEIGHTS_FILE, writeSafetensors(tensors, { format: 'pt' })]
	]);
}
