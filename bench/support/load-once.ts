import { readFileSync, statSync } from 'node:fs';
import { modelFolder, openShape } from './models.ts';
import { openTransformers } from './transformers.ts';

/** One load in a fresh process; prints what it took as JSON (bench/load.bench.ts). */
const PROMPT = Array.from({ length: 32 }, (_, i) => 10 + i);
const what = process.argv[2];
const file = statSync(new URL('onnx/model_q4.onnx', modelFolder('smollm2-135m'))).size;

/** Linux: highest and present resident memory of this process, bytes. */
function resident(field: 'VmHWM' | 'VmRSS'): number {
	const status = readFileSync('/proc/self/status', 'utf8');
	return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) * 1024;
}

const before = resident('VmRSS');
const start = performance.now();
if (what === 'transformers') {
	const { generate } = await openTransformers(modelFolder('smollm2-135m').pathname, 1);
	await generate(PROMPT, 1);
} else {
	const { decoder } = await openShape('smollm2-135m', what === 'compact' ? 0 : 2 ** 30);
	await (await decoder.run(decoder.createState(), [PROMPT])).last(0);
}
const firstTokenMs = performance.now() - start;
console.log(JSON.stringify({ memory: resident('VmHWM') - before, file, firstTokenMs }));
process.exit(0);
