import { decomposeAttention } from '#workers/onnx/decompose-attention.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { expandLimit } from '#workers/models/catalogue/memory.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import type { LoadOptions, LoadProgress, Provider } from '#workers/protocol.ts';
import { chooseProvider, type ModelNeeds, type ProviderChoice } from '#workers/runtime/choose-provider.ts';
import type { Decoder } from '#workers/runtime/decoder.ts';
import { GpuDecoder } from '#workers/runtime/gpu-decoder.ts';
import { openGpuDevice } from '#workers/runtime/gpu-device.ts';
import { gpuGraphs } from '#workers/runtime/gpu-graphs.ts';
import type { OrtBuild, OrtUrls } from '#workers/runtime/ort-module.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { probeDevice, type DeviceProbe } from '#workers/runtime/probe.ts';
import { selfTest, SELF_TEST_TOLERANCE, type Attempt } from '#workers/runtime/self-test.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { readGraph, wasmGraph, type ReadGraph } from './serve-graph.ts';
import { readVerdict, writeVerdict, type Verdict } from './verdicts.ts';

/** Prompt tokens per run: between two chunks other replies go on and a cancel is heard. */
const PREFILL_CHUNK = 128;

export interface StartedDecoder {
	decoder: Decoder;
	slots: LoraSlot[];
	provider: Provider;
	prefillChunk: number;
	/** 1 on WebGPU, which cannot take empty tensors. */
	minRank: number;
	/** Set where the device failed the self-test: a sentence for a person. */
	caution?: string;
}

export interface StartOptions {
	wanted: LoadOptions['provider'];
	folder: Folder;
	/** onnxruntime on the processor: one for all models, so that memory and threads are used again. */
	startOrt: (threads: number) => Promise<Ort>;
	urls?: Record<OrtBuild, OrtUrls>;
	signal?: AbortSignal;
	onProgress: (progress: LoadProgress) => void;
}

/** What choosing a provider depends on in a stored model. */
export function needsOf({ files, dtype }: Pick<OpenModel, 'files' | 'dtype'>): ModelNeeds {
	const half = dtype === 'q4f16' || dtype === 'fp16';
	return {
		weightBytes: [...files.values()].reduce((sum, { size }) => sum + size, 0),
		features: half ? ['shader-f16'] : []
	};
}

/**
 * Starts a model's decoder where it runs best. On a GPU that has not run this model before, a self-test decides by which
 * graph, or that the processor must do it.
 * @throws OpenLedgerError `onnx/*`, `device/*`, `engine/failed`
 */
export async function startDecoder(open: OpenModel, options: StartOptions): Promise<StartedDecoder> {
	const probe = await probeDevice();
	const choice = chooseProvider(probe, needsOf(open), options.wanted);
	const read = readGraph(open);
	if (choice.provider === 'wasm') return startWasm(read, choice, probe, options);
	return startGpu(open, read, choice, probe, options);
}

async function startWasm(
	read: ReadGraph,
	{ threads }: Pick<ProviderChoice, 'threads'>,
	{ memoryBytes }: DeviceProbe,
	{ startOrt }: StartOptions
): Promise<StartedDecoder> {
	const ort = await startOrt(threads);
	const { model, slots } = wasmGraph(read, expandLimit(memoryBytes));
	const decoder = await WasmDecoder.create(ort, model);
	return { decoder, slots, provider: 'wasm', prefillChunk: PREFILL_CHUNK, minRank: 0 };
}

async function startGpu(
	open: OpenModel,
	read: ReadGraph,
	choice: ProviderChoice,
	probe: DeviceProbe,
	options: StartOptions
): Promise<StartedDecoder> {
	const key = { device: `${probe.gpu?.name} · ${navigator.userAgent}`, model: open.sha256 };
	const known = await readVerdict(options.folder, key);
	const onProcessor = () => startWasm(read, chooseProvider(probe, needsOf(open), 'wasm'), probe, options);
	if (known?.plan === 'wasm') return { ...(await onProcessor()), caution: cautionOf(known) };

	const device = await openGpuDevice();
	try {
		const { build, threads } = choice;
		const ort = await Ort.start({ build, threads, urls: options.urls?.[build], device });
		const attempts = attemptsOn(ort, read);
		const attempt = attempts.find(({ graph }) => graph === known?.plan);
		if (known && attempt) return onGpu(read, device, await attempt.open(), known);

		const reference = await onProcessor();
		options.onProgress({ phase: 'self-test' });
		const half = reference.decoder.shape.kvType === 'float16';
		const tolerance = SELF_TEST_TOLERANCE[half ? 'float16' : 'float32'];
		const { signal } = options;
		const { report, decoder } = await selfTest(reference.decoder, attempts, { tolerance, signal });
		// A lost device says nothing about its arithmetic.
		if (!ort.failure) await writeVerdict(options.folder, key, report);
		if (!decoder) {
			device.destroy();
			return { ...reference, caution: cautionOf(report) };
		}
		await reference.decoder.dispose();
		return onGpu(read, device, decoder, report);
	} catch (error) {
		device.destroy();
		throw error;
	}
}

/** The graphs to try, the fastest first. */
function attemptsOn(ort: Ort, { model, sources }: ReadGraph): Attempt[] {
	const apart = () => gpuGraphs(decomposeAttention(model));
	return [
		{ graph: 'fused', open: () => GpuDecoder.create(ort, gpuGraphs(model), sources) },
		{ graph: 'decomposed', open: () => GpuDecoder.create(ort, apart(), sources, { batches: false }) }
	];
}

/** A decoder that takes its device with it when it goes. */
function onGpu({ model }: ReadGraph, device: GPUDevice, decoder: Decoder, verdict: Verdict): StartedDecoder {
	const dispose = decoder.dispose.bind(decoder);
	decoder.dispose = async () => {
		await dispose();
		device.destroy();
	};
	return {
		decoder,
		slots: gpuGraphs(model).slots,
		provider: 'webgpu',
		prefillChunk: Math.min(PREFILL_CHUNK, verdict.prefillChunk ?? PREFILL_CHUNK),
		minRank: 1,
		caution: cautionOf(verdict)
	};
}

function cautionOf({ plan, prefillChunk }: Verdict): string | undefined {
	if (plan === 'wasm')
		return 'The graphics card computed this model wrongly in a short test, so the processor runs it: slower, but right.';
	if (plan !== 'fused')
		return 'The graphics card failed a short test in its fast way of computing, so a safer and slower way is used.';
	if (prefillChunk !== undefined)
		return 'The graphics card is wrong for long pieces of text, so your messages are read in short ones.';
	return undefined;
}
