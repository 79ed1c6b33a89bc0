import { readFileSync } from 'node:fs';

/** The files of an adapter as PEFT names them. */
export interface PeftFiles {
	'adapter_config.json': Uint8Array;
	'adapter_model.safetensors': Uint8Array;
}

type Header = Record<string, { shape: number[]; data_offsets: [number, number] } | Record<string, string>>;

export interface PeftChanges {
	/** Spread over the configuration. */
	config?: Record<string, unknown>;
	/** Changes the header of the weights, in place or by returning another. */
	header?: (header: Header) => Header | void;
	/** Changes the tensors' bytes in place. */
	values?: (values: Uint8Array) => void;
}

/** An example adapter that the app does not have yet: its weights name another author. */
export function peftFiles({ config, header, values }: PeftChanges = {}): PeftFiles {
	const read = (name: string) => readFileSync(`static/adapters/anatomy/${name}`);
	const weights = read('adapter_model.safetensors');
	const length = Number(weights.readBigUInt64LE(0));
	const found = JSON.parse(weights.subarray(8, 8 + length).toString()) as Header;
	found['__metadata__'] = { ...found['__metadata__'], author: crypto.randomUUID() };
	const text = Buffer.from(JSON.stringify(header?.(found) ?? found));
	const head = Buffer.alloc(8);
	head.writeBigUInt64LE(BigInt(text.length));
	const data = Buffer.from(weights.subarray(8 + length));
	values?.(data);
	const settings = { ...(JSON.parse(read('adapter_config.json').toString()) as object), ...config };
	return {
		'adapter_config.json': Buffer.from(JSON.stringify(settings)),
		'adapter_model.safetensors': Buffer.concat([head, text, data])
	};
}
