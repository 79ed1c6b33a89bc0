const STORAGE_AND_COPY = 0x0080 | 0x0008 | 0x0004;

/** A storage buffer that can be copied from and to. WebGPU sets it to zero. Throws a RangeError beyond the device's limits. */
export function createStorage(device: GPUDevice, bytes: number): GPUBuffer {
	const size = Math.max(16, Math.ceil(bytes / 16) * 16);
	if (size > Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize))
		throw new RangeError(`a buffer of ${size} bytes exceeds the max buffer size of this device`);
	return device.createBuffer({ size, usage: STORAGE_AND_COPY });
}

/**
 * Lets a small stand-in buffer mean a range of a larger one, wherever it is bound: onnxruntime binds whole buffers only,
 * and a weight that one graph reads alone is in another graph a part of a longer one.
 */
export class BufferRanges {
	readonly #device: GPUDevice;
	readonly #ranges = new WeakMap<GPUBuffer, GPUBufferBinding>();

	constructor(device: GPUDevice) {
		this.#device = device;
		const create = device.createBindGroup.bind(device);
		device.createBindGroup = (descriptor) =>
			create({ ...descriptor, entries: Array.from(descriptor.entries, (entry) => this.#resolve(entry)) });
	}

	/** Whether a range may start here. */
	aligned(offset: number): boolean {
		return offset % this.#device.limits.minStorageBufferOffsetAlignment === 0;
	}

	/** A stand-in for `bytes` bytes of `buffer` from `offset`, which is `aligned`. */
	range(buffer: GPUBuffer, offset: number, bytes: number): GPUBuffer {
		const standIn = createStorage(this.#device, 16);
		this.#ranges.set(standIn, { buffer, offset, size: Math.ceil(bytes / 4) * 4 });
		return standIn;
	}

	#resolve(entry: GPUBindGroupEntry): GPUBindGroupEntry {
		const { resource } = entry;
		if (!('buffer' in resource)) return entry;
		const range = this.#ranges.get(resource.buffer);
		return range ? { binding: entry.binding, resource: range } : entry;
	}
}
