import { existsSync, readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { engines } from '#test/support/engines.ts';
import { DecoderSession } from '#test/support/run-decoder.ts';
import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { BUILD_DTYPES, type BuildDtype } from '#workers/models/builder/dtype.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { writeModelFile } from '#workers/onnx/write.ts';

const shared = new URL('../../shared/', import.meta.url).pathname;
const model = `${shared}models/nano/`;
/** Question/answer pairs taken from each of the two books whose glossaries nano's training left out. */
const PAIRS_A_BOOK = 150;

interface Example {
	ids: number[];
	promptLength: number;
}

/** What one dtype costs: mean loss of a reply token in nats, and how its predictions differ from fp32's. */
interface Quality {
	bytes: number;
	loss: number;
	/** Mean KL divergence from fp32's predictions, nats a token. */
	divergence: number;
	/** Share of tokens where the most probable one is fp32's. */
	agreement: number;
}

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

function heldOutExamples(): Example[] {
	const tokenizer = new Tokenizer(json(`${model}tokenizer.json`), json(`${model}tokenizer_config.json`));
	const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
	return ['finance', 'anatomy'].flatMap((book) => {
		const lines = readFileSync(`${shared}data/glossaries/${book}.jsonl`, 'utf8').trim().split('\n');
		const every = Math.floor(lines.length / PAIRS_A_BOOK);
		return lines
			.filter((_, i) => i % every === 0)
			.slice(0, PAIRS_A_BOOK)
			.map((line) => {
				const { prompt, response } = JSON.parse(line) as { prompt: string; response: string };
				const start = encode(`<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`);
				const ids = [...start, ...encode(`${response}<|im_end|>`)];
				return { ids: ids.slice(0, 512), promptLength: start.length };
			});
	});
}

/** Natural logarithms of the probabilities. */
function logSoftmax(logits: Float64Array): Float64Array {
	const max = logits.reduce((a, b) => Math.max(a, b));
	const total = max + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - max), 0));
	return logits.map((z) => z - total);
}

const top = (row: Float64Array) => row.indexOf(row.reduce((a, b) => Math.max(a, b)));

/** Nano's replies in every dtype, with and without zero points: what quantisation costs. Needs ../shared. */
export async function run(): Promise<object> {
	if (!existsSync(model)) throw new Error(`this benchmark needs ${model}`);
	const { config, weights } = openCheckpoint((name) => openNodeFile(model + name));
	const examples = heldOutExamples();
	const reference: Float64Array[] = [];
	const measure = async (dtype: BuildDtype, zeroPoints: boolean): Promise<Quality> => {
		const built = buildDecoder(config, weights, { dtype, zeroPoints });
		const session = await DecoderSession.open(built, config, engines.cpu);
		const sums = { loss: 0, divergence: 0, agreement: 0 };
		let count = 0;
		for (const { ids, promptLength } of examples) {
			const { logits } = await session.run([ids], ids.length - promptLength + 1);
			for (const [i, id] of ids.slice(promptLength).entries()) {
				const row = logSoftmax(logits[0]?.[i] ?? new Float64Array());
				const expected = (reference[count++] ??= row);
				sums.loss -= row[id] ?? NaN;
				sums.divergence += expected.reduce((sum, p, k) => sum + Math.exp(p) * (p - (row[k] ?? NaN)), 0);
				sums.agreement += top(row) === top(expected) ? 1 : 0;
			}
		}
		await session.close();
		return {
			bytes: writeModelFile(built).length,
			loss: sums.loss / count,
			divergence: sums.divergence / count,
			agreement: sums.agreement / count
		};
	};
	const figures: Record<string, Quality> = {};
	for (const dtype of BUILD_DTYPES) figures[dtype] = await measure(dtype, false);
	figures['q4_zero_points'] = await measure('q4', true);
	return { shape: 'nano', pairs: examples.length, reply_tokens: reference.length, figures };
}
