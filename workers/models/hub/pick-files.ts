import { OpenLedgerError } from '#workers/errors.ts';

/** As in file names of onnx-community (`model_q4.onnx`); fp32 has none, q8 also goes by `quantized`. */
export const DTYPES = ['q4', 'q4f16', 'q8', 'fp16', 'fp32'] as const;
export type Dtype = (typeof DTYPES)[number];

const suffixes: Record<Dtype, string[]> = {
	fp32: [''],
	fp16: ['_fp16'],
	q8: ['_q8', '_quantized'],
	q4: ['_q4'],
	q4f16: ['_q4f16']
};

/** Beside the graph; only tokenizer.json and config.json must be there. */
const companions = [
	'config.json',
	'generation_config.json',
	'tokenizer.json',
	'tokenizer_config.json',
	'chat_template.jinja'
];

export function isDtype(value: string | undefined): value is Dtype {
	return DTYPES.some((dtype) => dtype === value);
}

/** Precisions in which a folder in the onnx-community layout has the model, smallest first. */
export function dtypesIn(paths: readonly string[]): Dtype[] {
	return DTYPES.filter((dtype) => graphOf(paths, dtype) !== undefined);
}

/** Path of the ONNX file: `onnx/model_q4.onnx`, or the same without the folder. */
export function graphOf(paths: readonly string[], dtype: Dtype): string | undefined {
	const names = suffixes[dtype].flatMap((suffix) => [`onnx/model${suffix}.onnx`, `model${suffix}.onnx`]);
	return names.find((name) => paths.includes(name));
}

/**
 * The files that running a model in one precision takes: graph, its external data (`_data`, `_data_1`, …),
 * configuration, tokenizer.
 * @throws OpenLedgerError `hub/not-found` when the folder is not in that layout or lacks the precision
 */
export function pickFiles<File extends { path: string }>(files: readonly File[], dtype: Dtype): File[] {
	const paths = files.map(({ path }) => path);
	const graph = graphOf(paths, dtype);
	const missing = graph ? ['config.json', 'tokenizer.json'].find((name) => !paths.includes(name)) : undefined;
	if (!graph || missing) {
		const others = dtypesIn(paths).join(', ');
		throw new OpenLedgerError(
			'hub/not-found',
			missing ? `The folder has no ${missing}.` : `The folder has no ONNX decoder in precision ${dtype}.`,
			{
				remedy: others
					? `Choose another repository or precision (there: ${others}).`
					: 'Choose a repository with an onnx folder, such as those of onnx-community.',
				details: { dtype, found: others }
			}
		);
	}
	const isData = (path: string) =>
		path.startsWith(`${graph}_data`) && /^_data(_\d+)?$/.test(path.slice(graph.length));
	return files.filter(({ path }) => path === graph || isData(path) || companions.includes(path));
}
