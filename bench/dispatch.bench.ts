import { GpuDecoder } from '#workers/runtime/gpu-decoder.ts';
import { openGpuDevice } from '#workers/runtime/gpu-device.ts';
import { gpuGraphs } from '#workers/runtime/gpu-graphs.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { describeAdapter, requestAdapter } from '#workers/runtime/probe.ts';
import type { DeviceAdapter, KvState } from '#workers/runtime/decoder.ts';
import { GREEDY_REQUEST } from '#test/support/decoders.ts';
import { inChild } from './support/child.ts';
import { randomInputs } from './support/adapter.ts';
import { readShapeGraph } from './support/models.ts';
import { softwareVulkan } from './support/software-vulkan.ts';

interface Figures {
	adapter: string;
	programs: Record<'base' | 'adapter' | 'rows', Record<string, number>>;
	readback_bytes: number;
	/** Weights on the GPU over the bytes of all large weights of the file: 1 where nothing is held twice. */
	weights_over_file: number;
}

/**
 * WebGPU programs (dispatches) of one decoded token of nano, the choice of the token included, counted in Dawn; a software
 * adapter will do. And the bytes that come back from the GPU for it.
 */
export async function run(): Promise<object> {
	const { programs, ...rest } = inChild<Figures>(import.meta.url, {}, softwareVulkan());
	const total = (counts: Record<string, number>) =>
		Object.values(counts).reduce((sum, count) => sum + count, 0);
	return {
		programs_base: total(programs.base),
		programs_adapter: total(programs.adapter),
		programs_rows: total(programs.rows),
		...rest,
		programs
	};
}

export async function measure(): Promise<Figures> {
	const { create, globals } = await import('webgpu');
	Object.assign(globalThis, globals);
	const gpu = create([]) as unknown as GPU;
	const adapter = await requestAdapter(gpu);
	if (!adapter)
		throw new Error('no WebGPU adapter: neither a driver nor a Chromium with SwiftShader was found');
	const device = await openGpuDevice(gpu);
	const counter = countDispatches(device);
	const { read } = readShapeGraph('nano');
	const graphs = gpuGraphs(read.model);
	const ort = await Ort.start({ build: 'asyncify', threads: 1, device });
	const decoder = await GpuDecoder.create(ort, graphs, read.sources);
	const lora = decoder.upload(randomInputs(graphs.slots, 16, 1));

	let readback = 0;
	const decode = async (state: KvState, adapters: (DeviceAdapter | undefined)[]) => {
		const logits = await decoder.run(
			state,
			adapters.map(() => [7]),
			{ adapters }
		);
		await logits.candidates(adapters.map(() => ({ ...GREEDY_REQUEST, count: 64, temperature: 1 })));
	};
	/** The second decode step after a short prompt: the first compiles, and lays out a batch's adapters. */
	const count = async (state: KvState, adapters: (DeviceAdapter | undefined)[]) => {
		await decode(state, adapters);
		const before = decoder.bytesRead;
		counter.start();
		await decode(state, adapters);
		readback = Math.max(readback, (decoder.bytesRead - before) / adapters.length);
		return counter.stop();
	};
	const prompt = [5, 42, 79];
	const prefilled = async (device?: DeviceAdapter) => {
		const state = decoder.createState();
		await decoder.run(state, [prompt], { adapters: [device] });
		return state;
	};
	const base = await count(await prefilled(), [undefined]);
	const one = await count(await prefilled(lora), [lora]);
	const rows = await count(decoder.join([await prefilled(), await prefilled(lora)]), [undefined, lora]);
	let large = 0;
	for (const { data } of read.model.graph.initializers.values()) {
		const bytes = data.reduce((sum, segment) => sum + segment.length, 0);
		if (bytes >= 4096) large += bytes;
	}
	return {
		adapter: describeAdapter(adapter).name,
		programs: { base, adapter: one, rows },
		readback_bytes: readback,
		weights_over_file: Number((decoder.weightBytes / large).toPrecision(4))
	};
}

/** Counts dispatches by the label of their pipeline. */
function countDispatches(device: GPUDevice) {
	const labels = new WeakMap<GPUComputePipeline, string>();
	let counts: Record<string, number> | undefined;
	const named = (pipeline: GPUComputePipeline, { label, compute }: GPUComputePipelineDescriptor) => {
		labels.set(pipeline, label || compute.module.label || 'unnamed');
		return pipeline;
	};
	const { createComputePipeline, createComputePipelineAsync, createCommandEncoder } = device;
	device.createComputePipeline = (descriptor) =>
		named(createComputePipeline.call(device, descriptor), descriptor);
	device.createComputePipelineAsync = async (descriptor) =>
		named(await createComputePipelineAsync.call(device, descriptor), descriptor);
	device.createCommandEncoder = (descriptor) => {
		const encoder = createCommandEncoder.call(device, descriptor);
		const { beginComputePass } = encoder;
		encoder.beginComputePass = (passDescriptor) => {
			const pass = beginComputePass.call(encoder, passDescriptor);
			const { setPipeline, dispatchWorkgroups, dispatchWorkgroupsIndirect } = pass;
			let label = '';
			const add = () => {
				if (counts) counts[label] = (counts[label] ?? 0) + 1;
			};
			pass.setPipeline = (pipeline) => {
				label = labels.get(pipeline) ?? 'unnamed';
				setPipeline.call(pass, pipeline);
			};
			pass.dispatchWorkgroups = (...sizes) => {
				add();
				dispatchWorkgroups.call(pass, ...sizes);
			};
			pass.dispatchWorkgroupsIndirect = (...args) => {
				add();
				dispatchWorkgroupsIndirect.call(pass, ...args);
			};
			return pass;
		};
		return encoder;
	};
	return {
		start: () => {
			counts = {};
		},
		stop: () => {
			const result = counts ?? {};
			counts = undefined;
			return result;
		}
	};
}
