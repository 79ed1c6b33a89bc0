import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { memorySource } from '#workers/bytes.ts';
import type { GeneratorOptions } from '#workers/generate/generator.ts';
import { readModel } from '#workers/onnx/read.ts';
import type { Model } from '#workers/onnx/model.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { OrtModel } from '#workers/runtime/ort-session.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';

/** The bundled model, for tests in Node. */
const folder = new URL('../../static/models/nano/', import.meta.url);
const json = (name: string): object => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as object;

export const nanoFile = new URL('onnx/model_q4.onnx', folder).pathname;
const bytes = new Uint8Array(readFileSync(nanoFile));

export const nanoModel = (): Model => readModel(memorySource(bytes));

/** A model as the runtime takes it, with its weights left in the file they were read from. */
export function ortModel(model: Model): OrtModel {
	const { graph, weights, weightsPath } = writeModel(model);
	const sources = new Map([['model.onnx', memorySource(bytes)]]);
	return { graph, weights: { path: weightsPath, source: segmentSource(weights, sources) } };
}

const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));

/** Ids of plain text. */
export function encode(text: string): number[] {
	return tokenizer.encode(text, { add_special_tokens: false }).ids;
}

/** Ids of a question in the chat template, the assistant's turn begun. */
export function chat(question: string): number[] {
	const text = `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;
	return encode(text);
}

/** How the bundled model is served in tests. */
export const nanoOptions: GeneratorOptions = {
	decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }),
	endTokens: new Set([0, 2]),
	contextLength: 512,
	prefillChunk: 32,
	maxRows: 4,
	cacheBudget: 64 * 2 ** 20
};
