import { inChild } from './child.ts';
import { softwareVulkan } from './software-vulkan.ts';
import type { Timings } from './train-speed.ts';

const ROUNDS = 9;
const child = <T>(module: string, argument: unknown, environment?: Record<string, string>): T =>
	inChild<T>(new URL(module, import.meta.url).href, argument, environment);
const ratio = (value: number) => Number(value.toPrecision(3));

/** Tokens/s of training over those of the forward loss. */
export async function speed(): Promise<object> {
	const node = child<Timings>('train-speed.ts', { engine: 'cpu', rounds: ROUNDS });
	const wasm = child<Timings>('train-speed.ts', { engine: 'wasm', rounds: ROUNDS });
	return {
		over_forward_node: node.train,
		over_forward_wasm: wasm.train,
		over_forward_recompute: wasm.recompute,
		speed: { node, wasm }
	};
}

/** Nodes of the training graph that WebGPU leaves to the CPU, and its gradient against wasm's. */
export async function onGpu(): Promise<object> {
	const gpu = child<{ elsewhere: string[]; nodes: number; error: number }>(
		'train-gpu.ts',
		{},
		softwareVulkan()
	);
	return {
		webgpu_cpu_nodes: gpu.elsewhere.length,
		webgpu_gradient_error: gpu.error,
		webgpu_nodes: gpu.nodes
	};
}

export async function againstJax(): Promise<object> {
	const jax = child<{ ours_ms: number; jax_ms: number }>('train-jax.ts', { rounds: 3 });
	return { vs_jax_js: ratio(jax.jax_ms / jax.ours_ms), jax };
}

/** Peak of a training step over that of a prompt of as many tokens, both in the app's own sessions on wasm. */
export async function memory(): Promise<object> {
	const inference = child<number>('train-memory.ts', 'inference');
	const training = child<number>('train-memory.ts', 'training');
	return { memory_over_inference: ratio(training / inference), memory_bytes: { inference, training } };
}
