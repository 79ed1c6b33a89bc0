import { expect, test } from 'vitest';
import { dtypesIn, pickFiles } from './pick-files.ts';

const repo = [
	'.gitattributes',
	'README.md',
	'config.json',
	'generation_config.json',
	'merges.txt',
	'onnx/model.onnx',
	'onnx/model.onnx_data',
	'onnx/model.onnx_data_1',
	'onnx/model_fp16.onnx',
	'onnx/model_q4.onnx',
	'onnx/model_q4.onnx_data',
	'onnx/model_q4.onnx_data.bak',
	'onnx/model_q4f16.onnx',
	'onnx/model_quantized.onnx',
	'onnx/model_uint8.onnx',
	'tokenizer.json',
	'tokenizer_config.json'
].map((path) => ({ path }));
const paths = (files: { path: string }[]) => files.map(({ path }) => path);
const small = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];

test('the precisions of a repository are found', () => {
	expect(dtypesIn(paths(repo))).toEqual(['q4', 'q4f16', 'q8', 'fp16', 'fp32']);
	expect(dtypesIn(['onnx/decoder.onnx'])).toEqual([]);
});

test('graph, all its external data, configuration and tokenizer are picked, and nothing else', () => {
	expect(paths(pickFiles(repo, 'q4')).sort()).toEqual(
		[...small, 'onnx/model_q4.onnx', 'onnx/model_q4.onnx_data'].sort()
	);
	expect(paths(pickFiles(repo, 'fp32')).filter((path) => path.startsWith('onnx'))).toEqual([
		'onnx/model.onnx',
		'onnx/model.onnx_data',
		'onnx/model.onnx_data_1'
	]);
	expect(paths(pickFiles(repo, 'q8'))).toContain('onnx/model_quantized.onnx');
});

test('files beside each other in one folder are taken too', () => {
	const flat = ['config.json', 'tokenizer.json', 'model_q4.onnx', 'model_q4.onnx_data'].map((path) => ({
		path
	}));
	expect(paths(pickFiles(flat, 'q4'))).toEqual(paths(flat));
});

test('a repository that lacks a part is not found, and says what there is', () => {
	const without = (name: string) => repo.filter(({ path }) => path !== name);
	const failure = (words: string) =>
		expect.objectContaining({ code: 'hub/not-found', message: expect.stringContaining(words) });
	expect(() => pickFiles(without('onnx/model_q4.onnx'), 'q4')).toThrow(failure('q4'));
	expect(() => pickFiles(without('tokenizer.json'), 'q4')).toThrow(failure('tokenizer.json'));
	expect(() => pickFiles([], 'q4')).toThrow(failure('q4'));
});
