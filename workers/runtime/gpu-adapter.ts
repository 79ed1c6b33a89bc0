import type { DataType } from '#workers/onnx/types.ts';
import type { AdapterArrays, DeviceAdapter } from './decoder.ts';
import { GpuTensor } from './gpu-tensor.ts';
import type { ValueDescription } from './ort-session.ts';
import type { Ort } from './ort.ts';

/** An adapter's A and B in GPU buffers, by input name. */
export class GpuAdapter implements DeviceAdapter {
	readonly tensors: ReadonlyMap<string, GpuTensor>;

	constructor(tensors: ReadonlyMap<string, GpuTensor>) {
		this.tensors = tensors;
	}

	get byteLength(): number {
		return [...this.tensors.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
	}

	dispose(): void {
		for (const tensor of this.tensors.values()) tensor.dispose();
	}
}

/** Copies one row's matrices of one input into their place among those of all rows; the rest of it stays zero. */
const PLACE = /* wgsl */ `
struct Place { height: u32, width: u32, stride: u32, start: u32 }
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> target_: array<u32>;
@group(0) @binding(2) var<uniform> place: Place;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
	for (var i = id.x; i < place.height * place.width; i += groups.x * 64u) {
		target_[place.start + (i / place.width) * place.stride + i % place.width] = source[i];
	}
}
`;

/** Adapters of one model on the GPU: copies them there, and lays those of a batch's rows side by side. */
export class GpuAdapters {
	readonly #ort: Ort;
	readonly #device: GPUDevice;
	readonly #session: number;
	readonly #inputs: readonly ValueDescription[];
	#pipeline: GPUComputePipeline | undefined;
	/** The last batch's. */
	#joined: { key: readonly (DeviceAdapter | undefined)[]; adapter: GpuAdapter } | undefined;

	/** @param session any session on the device */
	constructor(ort: Ort, device: GPUDevice, session: number, inputs: readonly ValueDescription[]) {
		this.#ort = ort;
		this.#device = device;
		this.#session = session;
		this.#inputs = inputs;
	}

	/** Ranks are filled up with zeros to a multiple of four, which the kernels read as vectors. */
	upload(arrays: AdapterArrays): GpuAdapter {
		const tensors = new Map<string, GpuTensor>();
		for (const { name, dims } of this.#inputs) {
			const array = arrays.get(name);
			if (!array) throw new RangeError(`the adapter has no weights for input '${name}'`);
			// A's rank is its last axis, B's its middle one: whichever the graph leaves open.
			const [, height = 0, width = 0] = array.dims;
			const byColumn = typeof dims[2] === 'string';
			const to = byColumn ? [height, fillUp(width)] : [fillUp(height), width];
			const bytes = padded(array.data, [height, width], to as [number, number]);
			const tensor = this.#create(array.dataType, [1, ...to]);
			this.#device.queue.writeBuffer(tensor.buffer, 0, bytes);
			tensors.set(name, tensor);
		}
		return new GpuAdapter(tensors);
	}

	/** What to feed for these rows; undefined where all are the base model. One adapter for all rows is fed once. */
	forRows(rows: number, adapters: readonly (DeviceAdapter | undefined)[] = []): GpuAdapter | undefined {
		const [first] = adapters as readonly (GpuAdapter | undefined)[];
		if (adapters.every((adapter) => adapter === first)) return first;
		if (adapters.length !== rows) throw new RangeError(`${rows} rows and ${adapters.length} adapters`);
		const same = this.#joined?.key.length === rows && this.#joined.key.every((a, i) => a === adapters[i]);
		if (!same || !this.#joined) {
			this.#joined?.adapter.dispose();
			this.#joined = { key: [...adapters], adapter: this.#join(adapters as readonly GpuAdapter[]) };
		}
		return this.#joined.adapter;
	}

	dispose(): void {
		this.#joined?.adapter.dispose();
		this.#joined = undefined;
	}

	#join(rows: readonly (GpuAdapter | undefined)[]): GpuAdapter {
		const encoder = this.#device.createCommandEncoder();
		const pass = encoder.beginComputePass();
		const places: GPUBuffer[] = [];
		const tensors = new Map<string, GpuTensor>();
		for (const { name } of this.#inputs) {
			const sources = rows.map((adapter) => adapter?.tensors.get(name));
			const largest = (axis: number) => Math.max(...sources.map((tensor) => tensor?.dims[axis] ?? 0));
			const [height, width] = [largest(1), largest(2)];
			const type = sources.find((tensor) => tensor)?.type ?? 'float32';
			const target = this.#create(type, [rows.length, height, width]);
			const perWord = type === 'float16' ? 2 : 1;
			sources.forEach((tensor, row) => {
				if (!tensor) return;
				const [, h = 0, w = 0] = tensor.dims;
				const start = (row * height * width) / perWord;
				places.push(this.#place(pass, tensor, target, [h, w / perWord, width / perWord, start]));
			});
			tensors.set(name, target);
		}
		pass.end();
		this.#device.queue.submit([encoder.finish()]);
		for (const place of places) place.destroy();
		return new GpuAdapter(tensors);
	}

	#place(
		pass: GPUComputePassEncoder,
		source: GpuTensor,
		target: GpuTensor,
		numbers: [height: number, width: number, stride: number, start: number]
	): GPUBuffer {
		const device = this.#device;
		this.#pipeline ??= device.createComputePipeline({
			label: 'place adapter',
			layout: 'auto',
			compute: { module: device.createShaderModule({ code: PLACE }), entryPoint: 'main' }
		});
		const place = device.createBuffer({ size: 16, usage: UNIFORM | COPY_DST });
		device.queue.writeBuffer(place, 0, Uint32Array.from(numbers));
		pass.setPipeline(this.#pipeline);
		pass.setBindGroup(
			0,
			device.createBindGroup({
				layout: this.#pipeline.getBindGroupLayout(0),
				entries: [source.buffer, target.buffer, place].map((buffer, binding) => ({
					binding,
					resource: { buffer }
				}))
			})
		);
		const words = numbers[0] * numbers[1];
		pass.dispatchWorkgroups(Math.min(Math.ceil(words / 64), 65535));
		return place;
	}

	#create(type: DataType, dims: readonly number[]): GpuTensor {
		return GpuTensor.create(this.#ort, this.#device, this.#session, type, dims);
	}
}

const UNIFORM = 0x0040;
const COPY_DST = 0x0008;
const VECTOR = 4;

const fillUp = (rank: number): number => Math.max(VECTOR, Math.ceil(rank / VECTOR) * VECTOR);

/** A row-major matrix in a larger one, zeros around it; as bytes. */
function padded(
	data: ArrayBufferView,
	[height, width]: [number, number],
	[rows, columns]: [number, number]
): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
	if (width === columns && height === rows) return bytes;
	const element = bytes.length / (height * width) || 4;
	const larger = new Uint8Array(rows * columns * element);
	if (width === columns) larger.set(bytes);
	else
		for (let y = 0; y < height; y++)
			larger.set(bytes.subarray(y * width * element, (y + 1) * width * element), y * columns * element);
	return larger;
}
