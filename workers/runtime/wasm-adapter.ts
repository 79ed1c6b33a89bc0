import { byteLength } from '#workers/onnx/types.ts';
import type { AdapterArrays, DeviceAdapter } from './decoder.ts';
import { heapOf } from './ort-module.ts';
import type { ValueDescription } from './ort-session.ts';
import type { OrtTensor } from './ort-tensor.ts';
import type { Ort } from './ort.ts';

/** An adapter's A and B in the wasm heap, by input name; or those of the rows of a batch. */
export class WasmAdapter implements DeviceAdapter {
	readonly tensors: ReadonlyMap<string, OrtTensor>;

	constructor(tensors: ReadonlyMap<string, OrtTensor>) {
		this.tensors = tensors;
	}

	get byteLength(): number {
		return [...this.tensors.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
	}

	dispose(): void {
		for (const tensor of this.tensors.values()) tensor.dispose();
	}
}

/** Adapters of one model in the wasm heap: copies them there, and lays those of a batch's rows side by side. */
export class WasmAdapters {
	readonly #ort: Ort;
	readonly #inputs: readonly ValueDescription[];
	/** Rank 0: the base model. Costs next to nothing on the wasm kernels. */
	readonly #base: WasmAdapter;
	/** The last batch's. */
	#joined: { key: readonly (DeviceAdapter | undefined)[]; adapter: WasmAdapter } | undefined;

	constructor(ort: Ort, inputs: readonly ValueDescription[]) {
		this.#ort = ort;
		this.#inputs = inputs;
		this.#base = new WasmAdapter(
			new Map(
				inputs.map(({ name, type = 'float32', dims }) => {
					const shape = dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : 0));
					return [name, ort.allocate(type, shape)];
				})
			)
		);
	}

	upload(arrays: AdapterArrays): WasmAdapter {
		const tensors = new Map<string, OrtTensor>();
		for (const { name } of this.#inputs) {
			const array = arrays.get(name);
			if (!array) throw new RangeError(`the adapter has no weights for input '${name}'`);
			tensors.set(name, this.#ort.tensor(array.dataType, array.data, array.dims));
		}
		return new WasmAdapter(tensors);
	}

	/** What to feed for these rows. One adapter for all rows is fed once: it broadcasts over the batch. */
	forRows(rows: number, adapters: readonly (DeviceAdapter | undefined)[] = []): WasmAdapter {
		const [first] = adapters as readonly (WasmAdapter | undefined)[];
		if (adapters.every((adapter) => adapter === first)) return first ?? this.#base;
		if (adapters.length !== rows) throw new RangeError(`${rows} rows and ${adapters.length} adapters`);
		const same = this.#joined?.key.length === rows && this.#joined.key.every((a, i) => a === adapters[i]);
		if (!same || !this.#joined) {
			this.#joined?.adapter.dispose();
			this.#joined = { key: [...adapters], adapter: this.#join(adapters as readonly WasmAdapter[]) };
		}
		return this.#joined.adapter;
	}

	dispose(): void {
		this.#joined?.adapter.dispose();
		this.#base.dispose();
	}

	/** Matrices side by side, smaller ranks filled up with zeros. */
	#join(rows: readonly (WasmAdapter | undefined)[]): WasmAdapter {
		const tensors = new Map<string, OrtTensor>();
		for (const { name, type = 'float32' } of this.#inputs) {
			const sources = rows.map((adapter) => adapter?.tensors.get(name));
			const largest = (axis: number) => Math.max(...sources.map((tensor) => tensor?.dims[axis] ?? 0));
			const [height, width] = [largest(1), largest(2)];
			const target = this.#ort.allocate(type, [rows.length, height, width]);
			const stride = byteLength(type, width);
			const heap = heapOf(this.#ort.module);
			heap.fill(0, target.pointer, target.pointer + target.byteLength);
			sources.forEach((tensor, row) => {
				if (!tensor) return;
				const [, h = 0, w = 0] = tensor.dims;
				const line = byteLength(type, w);
				for (let y = 0; y < h; y++) {
					const from = tensor.pointer + y * line;
					heap.copyWithin(target.pointer + (row * height + y) * stride, from, from + line);
				}
			});
			tensors.set(name, target);
		}
		return new WasmAdapter(tensors);
	}
}
