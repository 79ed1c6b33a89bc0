import { OpenLedgerError } from '#workers/errors.ts';
import type { Provider } from '#workers/protocol.ts';
import type { OrtBuild } from './ort-module.ts';
import type { DeviceProbe } from './probe.ts';

/** What choosing depends on in a model. */
export interface ModelNeeds {
	/** Bytes of its weights as stored. */
	weightBytes: number;
	/** GPU features without which it does not run on WebGPU. */
	features: readonly 'shader-f16'[];
}

export interface ProviderChoice {
	provider: Provider;
	build: OrtBuild;
	/** wasm threads, 1 without isolation. */
	threads: number;
	/** One sentence for a person. */
	reason: string;
}

/**
 * Up to this many bytes of weights, wasm is chosen even where there is a GPU. A decode step on wasm takes 0.3 ns a weight
 * on one thread (measured, docs/decisions/wasm-weights.md): 10 ms for the 30 million weights of a 16 MiB 4-bit file. A
 * step on a GPU is 70 programs or more and a read-back. What that costs was not measured here, since no GPU was at hand;
 * transformers.js #1750 reports wasm 9.6 times faster for a model of 22 million weights.
 */
const SMALL_MODEL = 16 * 2 ** 20;

/** More do not pay on shared and hybrid processors. */
const MAX_THREADS = 4;

/** `chat`: one small step after another, each of which somebody waits for. `work`: large products, for seconds or minutes. */
export type Job = 'chat' | 'work';

/**
 * Threads of the wasm kernels. For chat onnxruntime's own rule, half the processors. Training and attribution use them all, but for one
 * where there are three or more: on two processors two threads are 1.4 to 1.6 times as fast as one (docs/attribution.md). What they
 * compute is the same bit by bit.
 */
function threadsFor({ isolated, cores }: Pick<DeviceProbe, 'isolated' | 'cores'>, job: Job): number {
	if (!isolated) return 1;
	const share = job === 'work' ? Math.min(cores, Math.max(2, cores - 1)) : Math.ceil(cores / 2);
	return Math.min(MAX_THREADS, share);
}

/** How a model should run on this machine. `wanted` overrides the choice. Throws `device/no-webgpu` where it cannot. */
export function chooseProvider(
	probe: DeviceProbe,
	model: ModelNeeds,
	wanted: Provider | 'auto' = 'auto',
	job: Job = 'chat'
): ProviderChoice {
	const threads = threadsFor(probe, job);
	const wasm = (reason: string): ProviderChoice => ({ provider: 'wasm', build: 'wasm', threads, reason });
	const webgpu = (reason: string): ProviderChoice => ({
		provider: 'webgpu',
		build: probe.jspi ? 'jspi' : 'asyncify',
		threads: 1,
		reason
	});
	const obstacle = gpuObstacle(probe, model);
	if (wanted === 'wasm') return wasm('You chose the processor.');
	if (wanted === 'webgpu') {
		// A software adapter is slow, not wrong: whoever asks for it may have it.
		if (obstacle && !probe.gpu?.software)
			throw new OpenLedgerError(
				'device/no-webgpu',
				`This model cannot run on the graphics card: ${obstacle}`,
				{
					remedy: 'Choose the processor, or a model in another precision.'
				}
			);
		return webgpu('You chose the graphics card.');
	}
	if (obstacle) return wasm(`It runs on the processor: ${obstacle}`);
	if (model.weightBytes <= SMALL_MODEL)
		return wasm('It runs on the processor, which is faster for a model this small.');
	return webgpu('It runs on the graphics card.');
}

/** Why the GPU cannot or should not run the model, as a sentence's end; undefined where it can. */
function gpuObstacle({ gpu }: DeviceProbe, { features }: ModelNeeds): string | undefined {
	if (!gpu) return 'this browser offers no graphics card to web pages.';
	if (features.includes('shader-f16') && !gpu.shaderF16)
		return 'its graphics card lacks 16-bit arithmetic (shader-f16).';
	if (gpu.software) return 'its graphics card is emulated in software, which is slower.';
	return undefined;
}
