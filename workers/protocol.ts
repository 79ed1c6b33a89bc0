/**
 * What the page and the engine worker say to each other. Plain data only: everything here is structured-cloneable.
 * The page holds an `EngineApi` through Comlink; failures arrive as `OpenLedgerError` (workers/comlink.ts).
 */

import type { AdapterSource } from '#workers/adapters/link.ts';

export type Provider = 'webgpu' | 'wasm';

/** What this machine offers and what `auto` would choose. */
export interface DeviceReport {
	/** What `auto` chooses for a model of some hundred megabytes, and why, in one sentence for a person. */
	provider: Provider;
	reason: string;
	/** Null where the browser has no WebGPU. A software adapter counts as none when choosing. */
	webgpu: { adapter: string; software: boolean; shaderF16: boolean } | null;
	/** wasm threads in use; 1 without cross-origin isolation. */
	threads: number;
	isolated: boolean;
	/** `navigator.deviceMemory` in bytes, where told. */
	memoryBytes?: number;
	/** A phone or tablet. */
	handheld?: boolean;
}

export interface ModelEntry {
	/** Stable name: `bundled:nano`, `hf:onnx-community/SmolLM2-135M-Instruct-ONNX@main/q4`, `local:<sha256>`. */
	id: string;
	name: string;
	/** One sentence: what it is good for, and its limits. */
	summary: string;
	source: 'bundled' | 'hub' | 'local';
	parameters?: number;
	dtype: string;
	/** Bytes to fetch; undefined when not known before asking the Hub. */
	downloadBytes?: number;
	/** Estimate of memory in use while chatting: weights, KV cache, activations. */
	memoryBytes?: number;
	/** GB of device memory from which it runs well: 1, 2, 4, 8, … */
	memoryTier?: number;
	contextLength?: number;
	licence?: string;
	/** Questions that show what the model is good at, for an empty conversation. */
	examples?: string[];
	/** GPU features without which this file cannot run on WebGPU. */
	features: 'shader-f16'[];
	stored: 'none' | 'partial' | 'complete';
	/** Why it will probably not run here ("needs about 2.1 GB; this device has 2 GB"), when so. */
	warning?: string;
}

export interface LoadProgress {
	phase: 'waiting' | 'download' | 'verify' | 'prepare' | 'start' | 'self-test';
	bytesDone?: number;
	bytesTotal?: number;
	bytesPerSecond?: number;
	secondsLeft?: number;
	/** The file that is coming, as its path at the source. */
	file?: string;
	/** The connection failed; the next try is in so many seconds. */
	retryInSeconds?: number;
}

export interface LoadedModel {
	id: string;
	name: string;
	/** SHA-256 of the ONNX file, hex: the identity adapters and receipts refer to. */
	sha256: string;
	/** SHA-256 (hex) of all its files of weights: that one, and those that it was built from where it says so. */
	hashes?: readonly string[];
	dtype: string;
	provider: Provider;
	contextLength: number;
	/** Vocabulary size of the logits. */
	vocabSize: number;
	/** Set when the device failed the numerical self-test and a safer way was taken: a sentence for a person. */
	caution?: string;
}

export interface AdapterEntry {
	/** SHA-256 over the hashes of its weights and its configuration, hex (docs/decisions/adapters.md). */
	id: string;
	name: string;
	summary: string;
	author?: string;
	source: 'bundled' | 'imported';
	/** SHA-256 of the base model's ONNX file or its Hub name, as the manifest states it. */
	base: string;
	/** SHA-256 (hex) of the base's files that the manifest names; empty without one. */
	baseHashes: string[];
	/** False when its shapes or base hash do not fit the loaded model; `reason` says which. */
	fits: boolean;
	reason?: string;
	rank: number;
	targetModules: string[];
	/** SHA-256 of its two PEFT files, hex: what a registry and a receipt name it by. */
	files: { weights: string; config: string };
	bytes: number;
	/** True while its packed weights are in memory. */
	resident: boolean;
	licence?: string;
	/** Where others can fetch it: a link can be made. */
	origin?: AdapterSource;
	/** Questions that show what the adapter is good at, from the manifest, for an empty conversation. */
	examples?: string[];
	/** Held-out loss of base and adapter, from the manifest. */
	evaluation?: { baseLoss: number; adapterLoss: number; rows: number };
	/** Datanets that it was trained on, from the manifest: id where they were made, Merkle root of the version, SHA-256 of the file of rows. */
	datanets: { name: string; rows: number; id?: string; root?: string; sha256?: string }[];
	/** Adapters that it goes on from, the nearest first: id, and SHA-256 (hex) of the weights. */
	parents: {
		id: string;
		weights?: string;
		name: string;
		datanets: { name: string; rows: number; root?: string }[];
	}[];
}

export interface ChatMessage {
	role: 'system' | 'user' | 'assistant';
	content: string;
}

export interface Sampling {
	/** 0 means greedy. */
	temperature: number;
	/** 0 means off. */
	topK: number;
	/** 1 means off. */
	topP: number;
	/** 0 means off. */
	minP: number;
	/** 1 means off. */
	repetitionPenalty: number;
	/** Same seed, same model, same provider: same reply. Undefined draws one. */
	seed?: number;
}

export interface GenerateRequest {
	/** Chosen by the caller; `cancel(id)` stops it within one token. */
	id: string;
	/** Turns of one conversation with the same adapters reuse the KV cache. */
	conversation: string;
	/** When the last one is the assistant's, its text is continued: the reply holds only what is new. */
	messages: ChatMessage[];
	/** None: the base model. Several: blended with these weights. */
	adapters: { id: string; weight: number }[];
	sampling: Sampling;
	maxNewTokens: number;
	stop: string[];
	/** Read as it stands, in place of `messages` and without the model's template; nothing of it is left out. */
	prompt?: string;
	/** Reports ln p of every token of the reply under the model itself, and of this many of the likeliest at its place. */
	logProbs?: number;
	/** The reply is one JSON object, as far as `maxNewTokens` lets it come. */
	json?: boolean;
}

export interface TokenLogProb {
	/** U+FFFD stands for bytes that are no character by themselves. */
	text: string;
	/** Natural logarithm. */
	logProb: number;
	/** The likeliest first. */
	likeliest: { text: string; logProb: number }[];
}

export type GenerateEvent =
	| { type: 'queued'; ahead: number }
	| { type: 'prefill'; done: number; total: number; reused: number }
	/** New text since the last event, and its tokens where `logProbs` are asked for. */
	| { type: 'text'; delta: string; tokens?: TokenLogProb[] }
	/** The oldest turns no longer fit the context and were left out: how many. */
	| { type: 'trimmed'; turns: number };

export interface Completion {
	text: string;
	/** `stop`: the model or a stop string ended it; `length`: maxNewTokens; `context`: the context is full. */
	finish: 'stop' | 'length' | 'context' | 'cancelled';
	model: string;
	provider: Provider;
	adapters: { id: string; weight: number }[];
	/** Token ids of prompt and reply: what a receipt commits to. */
	ids: { prompt: number[]; reply: number[] };
	/** Token counts; `reused` prompt tokens came from the KV cache. */
	tokens: { prompt: number; reused: number; completion: number };
	/** Milliseconds from the start of this request's work (not its time in the queue). */
	firstTokenMs: number;
	/** Decode speed after the first token. */
	tokensPerSecond: number;
	/** The seed that was used, so that the reply can be made again. */
	seed: number;
	/** Of every token of the reply, where asked for. */
	logProbs?: TokenLogProb[];
	/**
	 * ln p(reply | prompt) under base and adapter, temperature 1 and no penalty, in nats: half of what attribution asks of a reply. Where one
	 * adapter alone answered, in float32 on the processor; elsewhere the tolerance of receipts does not hold, and it is measured anew.
	 */
	logLikelihood?: number;
}

export interface StoredItem {
	id: string;
	/**
	 * `run`: what training keeps of a run, to go on from and to compare. `sketches`: what a half built attribution index goes on from. `spans`:
	 * an index of words, built again when it is asked for.
	 */
	kind: 'model' | 'adapter' | 'index' | 'run' | 'sketches' | 'spans';
	name: string;
	bytes: number;
	/** Milliseconds since the epoch; of a run, when it began. */
	lastUsed?: number;
	/** False for a download that goes on, and for a run too damaged to be listed. */
	complete: boolean;
	/** Worked on now, as a run or as an index that is built: `remove` refuses it with `engine/busy`. */
	inUse?: boolean;
	/** True for the app's example adapters, which it brings along each time: `remove` refuses them with `adapter/bundled`. */
	bundled?: boolean;
}

export interface StorageReport {
	items: StoredItem[];
	/** Of the origin, from `navigator.storage.estimate()`. */
	usageBytes?: number;
	quotaBytes?: number;
	/** Files that nothing names, left by damage: `cleanUp` frees them. */
	unclaimedBytes: number;
	/** False where everything stored is gone with this window (private windows without storage). */
	lasting: boolean;
}

/** How a model should be run; `auto` is the probed choice. */
export interface LoadOptions {
	id: string;
	provider: Provider | 'auto';
}

/** What a person may change about the engine as a whole. */
export interface EngineSettings {
	/** Where Hub repositories are fetched from, without a trailing slash; undefined: https://huggingface.co. */
	hubUrl?: string;
	/** For gated and private repositories: sent to the Hub only, kept by nobody but the page. */
	hubToken?: string;
}

type Listener<Event> = (event: Event) => void;

/**
 * The engine. Long calls take an `id` (in the request or as `task`) that `cancel` accepts and a listener for progress;
 * a cancelled call rejects with code `aborted`, except `generate`, which resolves with what it has.
 */
export interface EngineApi {
	/** Takes effect for the next fetch. Called once after every start of the worker. */
	configure(settings: EngineSettings): Promise<void>;
	probe(): Promise<DeviceReport>;
	models(): Promise<ModelEntry[]>;
	/** Any Hub repository in the onnx-community layout. Throws `hub/*`. */
	findModel(repo: string, revision?: string): Promise<ModelEntry[]>;
	/** Fetches what is missing, verifies, starts. Replaces the loaded model. */
	load(options: LoadOptions, task: string, onProgress: Listener<LoadProgress>): Promise<LoadedModel>;
	loaded(): Promise<LoadedModel | undefined>;
	/** A local folder: ONNX export or Hugging Face safetensors, which are built into ONNX first. */
	importModel(files: File[], task: string, onProgress: Listener<LoadProgress>): Promise<ModelEntry>;
	adapters(): Promise<AdapterEntry[]>;
	/** A PEFT folder: adapter_config.json, adapter_model.safetensors, optionally openledger.json. Throws `adapter/*`. */
	importAdapter(files: File[], name?: string, origin?: AdapterSource): Promise<AdapterEntry>;
	/** The files of an adapter: PEFT's as they were imported, the manifest, and the attribution index where there is one. */
	exportAdapter(id: string): Promise<File[]>;
	/** Notes where others can fetch an adapter. */
	publishAdapter(id: string, origin: AdapterSource): Promise<void>;
	/**
	 * Tokens that instructions take before a conversation with the loaded model, and how many they and a question have
	 * room for beside a reply. Throws `engine/not-loaded`.
	 */
	measureInstructions(text: string): Promise<{ tokens: number; room: number }>;
	generate(request: GenerateRequest, onEvent: Listener<GenerateEvent>): Promise<Completion>;
	cancel(id: string): Promise<void>;
	storage(): Promise<StorageReport>;
	/** Deletes a stored item. Throws `adapter/bundled` for the examples, `engine/busy` for what is being written. */
	remove(id: string): Promise<void>;
	/** Frees the files that nothing names. Returns the bytes freed. */
	cleanUp(): Promise<number>;
}
