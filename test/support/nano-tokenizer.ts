import { readFileSync } from 'node:fs';
import { createTokenizer, type Tokenizer } from '#workers/models/tokenizer/tokenizer.ts';

const folder = new URL('../../static/models/nano/', import.meta.url);
const FILES = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'config.json'] as const;

/** The bundled model's tokenizer, with its chat template. */
export function nanoTokenizer(): Tokenizer {
	const files = Object.fromEntries(
		FILES.map((name) => [name, new Uint8Array(readFileSync(new URL(name, folder)))])
	) as Record<(typeof FILES)[number], Uint8Array>;
	return createTokenizer(files);
}
