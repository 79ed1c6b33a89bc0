import { PEFT_PREFIX, type LoraAdapter, type LoraModule } from '#workers/adapters/lora-adapter.ts';
import type { LoraConfig } from '#workers/adapters/lora-config.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ParameterLayout, ParameterSlice } from '#workers/onnx/train/parameters.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import { draw, fillUniform } from './rows/random.ts';

type LoraSettings = Pick<Hyperparameters, 'rank' | 'alpha' | 'rankStabilised' | 'targetModules'>;

/** What B·A is multiplied by. */
export function scaleOf({ rank, alpha, rankStabilised }: Omit<LoraSettings, 'targetModules'>): number {
	return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
}

/** A's entries uniform in ±1/√in (PEFT's Kaiming with a = √5), B's 0: the adapter begins as no change at all. */
export function freshParameters({ slices, length }: ParameterLayout, seed: number): Float32Array {
	const parameters = new Float32Array(length);
	slices.forEach((slice, number) => {
		const { letter } = partOf(slice);
		if (letter === 'B') return;
		const values = valuesOf(slice, parameters);
		fillUniform(values, Math.floor(draw(seed, 'weights', number, 0) * 2 ** 32));
		const bound = 1 / Math.sqrt(slice.shape[1] as number);
		for (let i = 0; i < values.length; i++) values[i] = (2 * (values[i] as number) - 1) * bound;
	});
	return parameters;
}

/** The settings with which an adapter can be trained on. @throws OpenLedgerError `train/unsupported` */
export function settingsOf({ config, modules }: LoraAdapter): LoraSettings {
	const names = [...new Set([...modules.keys()].map((path) => path.slice(path.lastIndexOf('.') + 1)))];
	const [first] = modules.values();
	const alike = [...modules.values()].every(
		({ rank, scale }) => rank === first?.rank && scale === first.scale
	);
	if (!first || !alike) throw cannotContinue('its modules differ in rank or scale');
	const { rank } = first;
	const alpha = first.scale * (config.rankStabilised ? Math.sqrt(rank) : rank);
	return { rank, alpha, rankStabilised: config.rankStabilised, targetModules: names };
}

/** An adapter's matrices as the vector that is trained. @throws OpenLedgerError `train/unsupported` */
export function parametersOf({ modules }: LoraAdapter, layout: ParameterLayout): Float32Array {
	const parameters = new Float32Array(layout.length);
	for (const slice of layout.slices) {
		const { path, letter } = partOf(slice);
		const module = modules.get(path);
		if (!module) throw cannotContinue(`it does not change ${path}`);
		const from = letter === 'A' ? module.a : module.b;
		const values = valuesOf(slice, parameters);
		if (from.length !== values.length) throw cannotContinue(`its ${path} has another shape`);
		values.set(from);
	}
	if (2 * modules.size !== layout.slices.length)
		throw cannotContinue('it changes modules that are not trained here');
	return parameters;
}

/** The trained vector as an adapter. */
export function adapterOf(
	parameters: Float32Array,
	{ slices }: ParameterLayout,
	settings: LoraSettings,
	baseModel: string
): LoraAdapter {
	const { rank, alpha, rankStabilised, targetModules } = settings;
	const config: LoraConfig = {
		rank,
		alpha,
		rankStabilised,
		rankPattern: {},
		alphaPattern: {},
		targetModules,
		excludeModules: [],
		layersPattern: [],
		fanInFanOut: false,
		baseModel
	};
	const scale = scaleOf(settings);
	const modules = new Map<string, LoraModule>();
	for (const slice of slices) {
		const { path, letter } = partOf(slice);
		const module: LoraModule = modules.get(path) ?? {
			a: new Float32Array(),
			b: new Float32Array(),
			rank,
			inFeatures: 0,
			outFeatures: 0,
			scale
		};
		const values = valuesOf(slice, parameters).slice();
		const [rows = 0, columns = 0] = slice.shape;
		if (letter === 'A') Object.assign(module, { a: values, inFeatures: columns });
		else Object.assign(module, { b: values, outFeatures: rows });
		modules.set(path, module);
	}
	return { config, modules };
}

function valuesOf({ offset, shape }: ParameterSlice, vector: Float32Array): Float32Array {
	return vector.subarray(offset, offset + shape.reduce((product, dim) => product * dim, 1));
}

function partOf({ name }: ParameterSlice): { path: string; letter: 'A' | 'B' } {
	const [, path, letter] = /^(.*)\.lora_([AB])\.weight$/.exec(name) ?? [];
	if (!path?.startsWith(PEFT_PREFIX)) throw new RangeError(`no LoRA matrix: ${name}`);
	return { path: path.slice(PEFT_PREFIX.length), letter: letter as 'A' | 'B' };
}

function cannotContinue(why: string): OpenLedgerError {
	return new OpenLedgerError('train/unsupported', `This adapter cannot be trained on: ${why}.`, {
		remedy: 'Start a new adapter, or choose one that was made here.'
	});
}
