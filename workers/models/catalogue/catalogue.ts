import type { ModelShape } from './memory.ts';

export interface CatalogueModel {
	repo: string;
	name: string;
	/** One sentence: what it is good for, and its limits. */
	summary: string;
	licence: string;
	parameters: number;
	shape: ModelShape;
	/** Bytes of tokenizer.json and the other small files. */
	tokenizerBytes: number;
	/** Questions for an empty conversation. */
	examples: string[];
}

/** Layers, widths and context are those of the models' config.json. */
export const CATALOGUE: readonly CatalogueModel[] = [
	{
		repo: 'onnx-community/SmolLM2-135M-Instruct-ONNX',
		name: 'SmolLM2 135M',
		summary: 'Small and quick: short answers and rewriting in English. Often wrong about facts.',
		licence: 'apache-2.0',
		parameters: 134.5e6,
		shape: {
			hidden: 576,
			layers: 30,
			heads: 9,
			kvHeads: 3,
			headDim: 64,
			ffn: 1536,
			vocab: 49152,
			context: 8192,
			tied: true
		},
		tokenizerBytes: 2.1e6,
		examples: ['Rewrite this politely: send me the file now.', 'Give me three names for a bakery.']
	},
	{
		repo: 'onnx-community/SmolLM2-360M-Instruct-ONNX',
		name: 'SmolLM2 360M',
		summary: 'A step up for English: summaries, rewriting, simple questions. Knows little about the world.',
		licence: 'apache-2.0',
		parameters: 361.8e6,
		shape: {
			hidden: 960,
			layers: 32,
			heads: 15,
			kvHeads: 5,
			headDim: 64,
			ffn: 2560,
			vocab: 49152,
			context: 8192,
			tied: true
		},
		tokenizerBytes: 2.1e6,
		examples: ['Explain gravity to a child in three sentences.', 'Summarise: …']
	},
	{
		repo: 'onnx-community/Qwen2.5-0.5B-Instruct',
		name: 'Qwen2.5 0.5B',
		summary: 'Many languages, lists and simple code. Good base for adapters; facts need checking.',
		licence: 'apache-2.0',
		parameters: 494e6,
		shape: {
			hidden: 896,
			layers: 24,
			heads: 14,
			kvHeads: 2,
			headDim: 64,
			ffn: 4864,
			vocab: 151936,
			context: 32768,
			tied: true
		},
		tokenizerBytes: 7.1e6,
		examples: ['Write a polite e-mail that moves a meeting to Friday.', 'Was ist eine Rückstellung?']
	},
	{
		repo: 'onnx-community/Qwen3-0.6B-ONNX',
		name: 'Qwen3 0.6B',
		summary: 'Can think before it answers; many languages. Slower when it thinks.',
		licence: 'apache-2.0',
		parameters: 596e6,
		shape: {
			hidden: 1024,
			layers: 28,
			heads: 16,
			kvHeads: 8,
			headDim: 128,
			ffn: 3072,
			vocab: 151936,
			context: 40960,
			tied: true
		},
		tokenizerBytes: 11.5e6,
		examples: ['How many days are there between 3 May and 9 July?', 'Plan a week of simple dinners.']
	},
	{
		repo: 'onnx-community/Llama-3.2-1B-Instruct',
		name: 'Llama 3.2 1B',
		summary: 'The most capable here: longer texts, better knowledge. Needs a good graphics card or patience.',
		licence: 'llama3.2',
		parameters: 1.236e9,
		shape: {
			hidden: 2048,
			layers: 16,
			heads: 32,
			kvHeads: 8,
			headDim: 64,
			ffn: 8192,
			vocab: 128256,
			context: 131072,
			tied: true
		},
		tokenizerBytes: 9.2e6,
		examples: ['Compare renting and buying a flat.', 'Draft a complaint about a late delivery.']
	}
];
