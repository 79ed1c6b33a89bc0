import { f32ToF16 } from '#workers/formats/half.ts';
import type { AdapterArrays, Decoder, DeviceAdapter } from './decoder.ts';
import { elementCount } from './element-count.ts';
import type { ValueDescription } from './ort-session.ts';

/** Long enough that attention takes the code path for long prompts, which is the one known to fail. */
const PROMPT_TOKENS = 48;
const DECODE_STEPS = 2;
/** Of the made-up adapter. */
const RANK = 4;
/** Prompt pieces that stay on the path for short prompts: onnxruntime switches at 32. */
const SAFE_CHUNK = 31;

/** Largest difference of the logits that passes, relative to the largest logit: float32 rounds at 1e-6, float16 at 1e-2. */
export const SELF_TEST_TOLERANCE = { float32: 1e-3, float16: 5e-2 } as const;

/** One way to run the model on the device. */
export interface Attempt {
	/** `fused` attention, attention `decomposed` into primitives, or the same model in `fp32`. */
	graph: 'fused' | 'decomposed' | 'fp32';
	open: () => Promise<Decoder>;
}

export interface SelfTestReport {
	/** The first way that passed; `wasm` where none did. */
	plan: Attempt['graph'] | 'wasm';
	/** Longest prompt piece that is right on this device; undefined where any is. */
	prefillChunk?: number;
	/** Every check that was made, in order: the largest difference of the logits relative to the largest logit. */
	checks: { graph: Attempt['graph']; chunk: number; relativeError: number; passed: boolean }[];
	/** Why an attempt could not even run. */
	failures: { graph: Attempt['graph']; message: string }[];
}

export interface SelfTestOptions {
	tolerance: number;
	signal?: AbortSignal;
}

/**
 * Compares a short fixed prefill and decode on a device with the wasm kernels' results, and finds the first way to run
 * the model that agrees: as it is, with prompts cut into short pieces, or by another graph. GPU kernels can be wrong
 * without an error: fused attention is, on SwiftShader, for 32 prompt tokens and more.
 *
 * The verdict holds for one model file on one device, driver and browser version: store it under these.
 * @returns the report, and the decoder that passed, which the caller now owns; those that failed are disposed of
 */
export async function selfTest(
	reference: Decoder,
	attempts: readonly Attempt[],
	{ tolerance, signal }: SelfTestOptions
): Promise<{ report: SelfTestReport; decoder?: Decoder }> {
	const expected = await answer(reference, PROMPT_TOKENS);
	const report: SelfTestReport = { plan: 'wasm', checks: [], failures: [] };
	for (const { graph, open } of attempts) {
		signal?.throwIfAborted();
		let decoder: Decoder | undefined;
		try {
			decoder = await open();
			for (const chunk of [PROMPT_TOKENS, SAFE_CHUNK]) {
				const relativeError = difference(await answer(decoder, chunk), expected);
				const passed = relativeError <= tolerance;
				report.checks.push({ graph, chunk, relativeError, passed });
				if (!passed) continue;
				report.plan = graph;
				if (chunk < PROMPT_TOKENS) report.prefillChunk = chunk;
				return { report, decoder };
			}
		} catch (error) {
			report.failures.push({ graph, message: error instanceof Error ? error.message : String(error) });
		}
		await decoder?.dispose();
	}
	return { report };
}

/** Logits of the base model and, where the graphs have adapter inputs, of a made-up adapter. */
async function answer(decoder: Decoder, chunk: number): Promise<Float32Array[]> {
	const base = await answerWith(decoder, chunk, undefined);
	if (decoder.shape.adapterInputs.length === 0) return base;
	const adapter = decoder.upload(madeUpAdapter(decoder.shape.adapterInputs));
	try {
		return [...base, ...(await answerWith(decoder, chunk, adapter))];
	} finally {
		adapter.dispose();
	}
}

/** Logits after the prompt, read in pieces of `chunk` tokens, and after each of a few further tokens. */
async function answerWith(
	decoder: Decoder,
	chunk: number,
	adapter: DeviceAdapter | undefined
): Promise<Float32Array[]> {
	const { vocabSize } = decoder.shape;
	// Any tokens do; the stride shares no factor with usual vocabulary sizes, so that it visits all of them.
	const tokens = Array.from({ length: PROMPT_TOKENS + DECODE_STEPS }, (_, i) => (i * 7919 + 13) % vocabSize);
	const state = decoder.createState();
	const results: Float32Array[] = [];
	const run = async (piece: readonly number[]) => {
		const logits = await decoder.run(state, [piece], { adapters: [adapter] });
		return (await logits.last(0)).slice();
	};
	try {
		let last: Float32Array | undefined;
		for (let at = 0; at < PROMPT_TOKENS; at += chunk)
			last = await run(tokens.slice(at, Math.min(at + chunk, PROMPT_TOKENS)));
		if (last) results.push(last);
		for (const token of tokens.slice(PROMPT_TOKENS)) results.push(await run([token]));
		return results;
	} finally {
		state.dispose();
	}
}

/** Small values without a pattern, the same on every device. */
function madeUpAdapter(inputs: readonly ValueDescription[]): AdapterArrays {
	return new Map(
		inputs.map(({ name, type, dims }) => {
			const shape = dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : RANK));
			const values = Float32Array.from(
				{ length: elementCount(shape) },
				(_, i) => Math.sin(i * 12.9898) * 0.02
			);
			const half = type === 'float16';
			const data = half ? f32ToF16(values) : values;
			return [name, { dataType: half ? 'float16' : 'float32', data, dims: shape }];
		})
	);
}

/** Largest difference relative to the largest expected magnitude; Infinity where something is not a number. */
function difference(results: readonly Float32Array[], expected: readonly Float32Array[]): number {
	let worst = 0;
	expected.forEach((wanted, i) => {
		const got = results[i];
		let largest = 0;
		let apart = 0;
		wanted.forEach((value, at) => {
			const distance = Math.abs(value - (got?.[at] ?? NaN));
			apart = distance <= apart ? apart : distance;
			largest = Math.max(largest, Math.abs(value));
		});
		const relative = apart / largest;
		worst = relative <= worst ? worst : relative;
	});
	return Number.isNaN(worst) ? Infinity : worst;
}
