import { inChild } from './child.ts';
import { softwareVulkan } from './software-vulkan.ts';
import type { Timings } from './train-speed.ts';

const child = <T>(module: string, argument: unknown, environment?: Record<string, string>): T =>
	inChild<T>(new URL(module, import.meta.url).href, argument, environment);

/** What the training graph costs, as ratios within one run. */
export async function graphFigures() {
	const rounds = 9;
	const node = child<Timings>('train-speed.ts', { engine: 'cpu', rounds });
	const wasm = child<Timings>('train-speed.ts', { engine: 'wasm', rounds });
	const gpu = child<{ elsewhere: string[]; nodes: number; error: number }>(
		'train-gpu.ts',
		{},
		softwareVulkan()
	);
	const jax = child<{ ours_ms: number; jax_ms: number; loss_difference: number; gradient_difference: number }>('train-jax.ts', { rounds: 3 }); // prettier-ignore
	const inference = child<number>('train-memory.ts', 'inference');
	const training = child<number>('train-memory.ts', 'training');
	return {
		over_forward_node: node.train,
		over_forward_wasm: wasm.train,
		over_forward_recompute: wasm.recompute,
		webgpu_cpu_nodes: gpu.elsewhere.length,
		webgpu_gradient_error: gpu.error,
		vs_jax_js: Number((jax.jax_ms / jax.ours_ms).toPrecision(3)),
		memory_over_inference: Number((training / inference).toPrecision(3)),
		details: { node, wasm, gpu, jax, memory_bytes: { inference, training } }
	};
}
