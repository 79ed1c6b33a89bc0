import type * as Ort from 'onnxruntime-web';
import type { DecoderConfig } from '#workers/models/builder/config.ts';
import type { ByteSource } from '#workers/bytes.ts';
import { f16ToF32 } from '#workers/formats/half.ts';
import type { Model } from '#workers/onnx/model.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModelFile } from '#workers/onnx/write.ts';

/** A build of onnxruntime and the execution provider to take. See engines.ts for those that run in Node. */
export interface Engine {
	ort: Pick<typeof Ort, 'InferenceSession' | 'Tensor'>;
	provider: string;
}

type AnyTensor = Ort.Tensor;

/** `present.*` of a run, to be the past of the next. */
export type Cache = Record<string, AnyTensor>;

export interface DecoderRun {
	/** Logits [row][position][vocab]. */
	logits: Float64Array[][];
	cache: Cache;
}

/** A session of a decoder in the layout of workers/models/builder/decoder.ts, for tests. */
export class DecoderSession {
	readonly #session: Ort.InferenceSession;
	readonly #config: DecoderConfig;
	readonly #engine: Engine;
	readonly #half: boolean;

	private constructor(session: Ort.InferenceSession, config: DecoderConfig, engine: Engine, half: boolean) {
		this.#session = session;
		this.#config = config;
		this.#engine = engine;
		this.#half = half;
	}

	static async open(
		model: Model,
		config: DecoderConfig,
		engine: Engine,
		sources: ReadonlyMap<string, ByteSource> = new Map()
	): Promise<DecoderSession> {
		const bytes = joinSegments(writeModelFile(model).segments, sources);
		const half = model.graph.outputs[0]?.dataType === 'float16';
		const session = await engine.ort.InferenceSession.create(bytes, {
			executionProviders: [engine.provider],
			logSeverityLevel: 3,
			intraOpNumThreads: 1
		});
		return new DecoderSession(session, config, engine, half);
	}

	/**
	 * Runs rows of token ids, shorter ones padded on the right, after `cache`. `keep` is num_logits_to_keep.
	 * `pastLength` is the cache's length in tokens, without padding.
	 */
	async run(
		rows: readonly (readonly number[])[],
		keep = 0,
		cache?: Cache,
		pastLength = 0
	): Promise<DecoderRun> {
		const { layers, kvHeads, headDim, vocab } = this.#config;
		const batch = rows.length;
		const length = Math.max(...rows.map((row) => row.length));
		const padded = (fill: (row: readonly number[], i: number) => number, width: number) =>
			this.#int64(
				rows.flatMap((row) => Array.from({ length: width }, (_, i) => fill(row, i))),
				[batch, width]
			);
		const feeds: Record<string, AnyTensor> = {
			input_ids: padded((row, i) => row[i] ?? 0, length),
			attention_mask: padded((row, i) => (i < pastLength + row.length ? 1 : 0), pastLength + length),
			position_ids: padded((_, i) => pastLength + i, length),
			num_logits_to_keep: this.#int64([keep], [])
		};
		for (let layer = 0; layer < layers; layer++)
			for (const kind of ['key', 'value'])
				feeds[`past_key_values.${layer}.${kind}`] =
					cache?.[`present.${layer}.${kind}`] ?? this.#empty([batch, kvHeads, 0, headDim]);
		const { logits, ...present } = await this.#session.run(feeds);
		if (!logits) throw new Error('no logits');
		const values = this.#floats(logits);
		const kept = logits.dims[1] ?? 0;
		return {
			cache: present,
			logits: rows.map((_, row) =>
				Array.from({ length: kept }, (_, t) =>
					Float64Array.from(values.subarray((row * kept + t) * vocab, (row * kept + t + 1) * vocab))
				)
			)
		};
	}

	async close(): Promise<void> {
		await this.#session.release();
	}

	#int64(values: number[], dims: number[]): AnyTensor {
		return new this.#engine.ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);
	}

	#empty(dims: number[]): AnyTensor {
		const { Tensor } = this.#engine.ort;
		return this.#half
			? new Tensor('float16', new Uint16Array(0), dims)
			: new Tensor('float32', new Float32Array(0), dims);
	}

	/** Float16 tensors come as Float16Array where the platform has it, else as bit patterns. */
	#floats(tensor: AnyTensor): Float32Array {
		const { data } = tensor;
		if (data instanceof Float32Array) return data;
		if (data instanceof Uint16Array) return f16ToF32(data);
		return Float32Array.from(data as unknown as ArrayLike<number>);
	}
}
