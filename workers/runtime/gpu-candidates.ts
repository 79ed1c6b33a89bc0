import { f16ToF32 } from '#workers/formats/half.ts';
import type { CandidateRequest, Candidates } from './candidates.ts';
import { createStorage } from './gpu-buffers.ts';
import { candidatesShader, SLICE } from './gpu-candidates.wgsl.ts';
import type { GpuTensor } from './gpu-tensor.ts';

/** Most candidates that come back for a row: 776 bytes. */
const CAPACITY = 64;
/** Words of one row's result: ids, penalised logits, raw logits, and two sums. */
const RESULT_WORDS = 3 * CAPACITY + 2;
const REQUEST_BYTES = 32;
const MAP_READ_AND_COPY_DST = 0x0001 | 0x0008;
const MAP_MODE_READ = 1;
const UNIFORM_TEMPERATURE = 1;

interface Buffers {
	requests: GPUBuffer;
	seen: GPUBuffer;
	partial: GPUBuffer;
	sums: GPUBuffer;
	result: GPUBuffer;
	staging: GPUBuffer;
}

/** Reads candidates off logits that stay on the GPU: two programs and less than 1 kB a row. */
export class GpuCandidates {
	readonly #device: GPUDevice;
	readonly #vocab: number;
	readonly #slices: number;
	readonly #pipelines = new Map<boolean, { scan: GPUComputePipeline; merge: GPUComputePipeline }>();
	readonly #groups = new WeakMap<GPUBuffer, { rows: number; scan: GPUBindGroup; merge: GPUBindGroup }>();
	#buffers: (Buffers & { rows: number }) | undefined;
	/** Bytes read back since the start. */
	bytesRead = 0;

	constructor(device: GPUDevice, vocab: number) {
		this.#device = device;
		this.#vocab = vocab;
		this.#slices = Math.ceil(vocab / SLICE);
	}

	/** @param logits [rows, positions, vocab]; the last position of each row counts */
	async find(logits: GpuTensor, requests: readonly CandidateRequest[]): Promise<Candidates[]> {
		const device = this.#device;
		const rows = requests.length;
		const buffers = this.#buffersFor(rows);
		this.#writeRequests(buffers, logits, requests);
		const pipelines = this.#pipelinesFor(logits.type === 'float16');
		const groups = this.#groupsFor(logits.buffer, pipelines, buffers, rows);
		const encoder = device.createCommandEncoder();
		const pass = encoder.beginComputePass();
		pass.setPipeline(pipelines.scan);
		pass.setBindGroup(0, groups.scan);
		pass.dispatchWorkgroups(this.#slices, rows);
		pass.setPipeline(pipelines.merge);
		pass.setBindGroup(0, groups.merge);
		pass.dispatchWorkgroups(1, rows);
		pass.end();
		const bytes = await this.#readBack(encoder, buffers.result, 0, 4 * RESULT_WORDS * rows, buffers.staging);
		return requests.map((request, row) => this.#parse(bytes, row, request));
	}

	/** Logits of positions `from` to `to` of a row, as float32. */
	async read(logits: GpuTensor, row: number, from: number, to: number): Promise<Float32Array> {
		const device = this.#device;
		const positions = logits.dims[1] as number;
		const width = logits.type === 'float16' ? 2 : 4;
		const first = (row * positions + from) * this.#vocab * width;
		const start = Math.floor(first / 4) * 4;
		const end = Math.ceil((first + (to - from) * this.#vocab * width) / 4) * 4;
		const staging = device.createBuffer({ size: end - start, usage: MAP_READ_AND_COPY_DST });
		try {
			const encoder = device.createCommandEncoder();
			const bytes = await this.#readBack(encoder, logits.buffer, start, end - start, staging);
			const count = (to - from) * this.#vocab;
			if (width === 4) return new Float32Array(bytes, first - start, count);
			return f16ToF32(new Uint16Array(bytes, first - start, count));
		} finally {
			staging.destroy();
		}
	}

	dispose(): void {
		const buffers = this.#buffers;
		if (!buffers) return;
		for (const name of ['requests', 'seen', 'partial', 'sums', 'result', 'staging'] as const)
			buffers[name].destroy();
		this.#buffers = undefined;
	}

	async #readBack(
		encoder: GPUCommandEncoder,
		source: GPUBuffer,
		offset: number,
		size: number,
		staging: GPUBuffer
	): Promise<ArrayBuffer> {
		encoder.copyBufferToBuffer(source, offset, staging, 0, size);
		this.#device.queue.submit([encoder.finish()]);
		await staging.mapAsync(MAP_MODE_READ, 0, size);
		const bytes = staging.getMappedRange(0, size).slice(0);
		staging.unmap();
		this.bytesRead += size;
		return bytes;
	}

	#parse(bytes: ArrayBuffer, row: number, request: CandidateRequest): Candidates {
		const count = this.#count(request);
		const start = 4 * RESULT_WORDS * row;
		const floats = new Float32Array(bytes, start, RESULT_WORDS);
		return {
			ids: new Uint32Array(bytes, start, count),
			logits: floats.subarray(CAPACITY, CAPACITY + count),
			rawLogits: floats.subarray(2 * CAPACITY, 2 * CAPACITY + count),
			logSumExp: request.temperature > 0 ? (floats[3 * CAPACITY] as number) : NaN,
			rawLogSumExp: request.logProbs ? (floats[3 * CAPACITY + 1] as number) : NaN,
			complete: count === this.#vocab
		};
	}

	#count = (request: CandidateRequest): number => Math.min(request.count, CAPACITY, this.#vocab);

	#writeRequests(buffers: Buffers, logits: GpuTensor, requests: readonly CandidateRequest[]): void {
		const positions = logits.dims[1] as number;
		const words = Math.ceil(this.#vocab / 32);
		const data = new DataView(new ArrayBuffer(REQUEST_BYTES * requests.length));
		requests.forEach((request, row) => {
			const at = REQUEST_BYTES * row;
			data.setUint32(at, this.#vocab, true);
			data.setUint32(at + 4, (row * positions + positions - 1) * this.#vocab, true);
			data.setUint32(at + 8, this.#count(request), true);
			data.setUint32(at + 12, this.#slices, true);
			data.setFloat32(at + 16, request.temperature || UNIFORM_TEMPERATURE, true);
			data.setFloat32(at + 20, request.penalty, true);
			data.setUint32(at + 24, row * words, true);
			if (request.penalty === 1) return;
			const seen = new Uint32Array(words);
			for (const token of request.seen) seen[token >> 5] = (seen[token >> 5] as number) | (1 << (token & 31));
			this.#device.queue.writeBuffer(buffers.seen, 4 * row * words, seen);
		});
		this.#device.queue.writeBuffer(buffers.requests, 0, data.buffer);
	}

	#buffersFor(rows: number): Buffers {
		if (this.#buffers && this.#buffers.rows >= rows) return this.#buffers;
		this.dispose();
		const device = this.#device;
		const lists = rows * this.#slices;
		this.#buffers = {
			rows,
			requests: createStorage(device, REQUEST_BYTES * rows),
			seen: createStorage(device, 4 * rows * Math.ceil(this.#vocab / 32)),
			partial: createStorage(device, 12 * lists * CAPACITY),
			sums: createStorage(device, 16 * lists),
			result: createStorage(device, 4 * RESULT_WORDS * rows),
			staging: device.createBuffer({ size: 4 * RESULT_WORDS * rows, usage: MAP_READ_AND_COPY_DST })
		};
		return this.#buffers;
	}

	#pipelinesFor(half: boolean) {
		let pipelines = this.#pipelines.get(half);
		if (!pipelines) {
			const module = this.#device.createShaderModule({ code: candidatesShader(half) });
			const make = (entryPoint: string) =>
				this.#device.createComputePipeline({
					label: `candidates ${entryPoint}`,
					layout: 'auto',
					compute: { module, entryPoint, constants: { capacity: CAPACITY } }
				});
			pipelines = { scan: make('scan'), merge: make('merge') };
			this.#pipelines.set(half, pipelines);
		}
		return pipelines;
	}

	#groupsFor(
		logits: GPUBuffer,
		pipelines: { scan: GPUComputePipeline; merge: GPUComputePipeline },
		buffers: Buffers,
		rows: number
	) {
		const known = this.#groups.get(logits);
		if (known?.rows === this.#buffers?.rows && known) return known;
		const { requests, seen, partial, sums, result } = buffers;
		const bind = (pipeline: GPUComputePipeline, entries: Record<number, GPUBuffer>) =>
			this.#device.createBindGroup({
				layout: pipeline.getBindGroupLayout(0),
				entries: Object.entries(entries).map(([binding, buffer]) => ({
					binding: Number(binding),
					resource: { buffer }
				}))
			});
		const groups = {
			rows: this.#buffers?.rows ?? rows,
			scan: bind(pipelines.scan, { 0: logits, 1: requests, 2: seen, 3: partial, 4: sums }),
			merge: bind(pipelines.merge, { 1: requests, 3: partial, 4: sums, 5: result })
		};
		this.#groups.set(logits, groups);
		return groups;
	}
}
