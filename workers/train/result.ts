import {
	MANIFEST_FILE,
	CONFIG_FILE,
	WEIGHTS_FILE,
	type LoraAdapter
} from '#workers/adapters/lora-adapter.ts';
import { formatManifest, parseManifest, type AdapterManifest } from '#workers/adapters/manifest.ts';
import { writeAdapter } from '#workers/adapters/write-adapter.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { RunDetail, SaveOptions, TrainingPlan } from './api.ts';
import type { Dataset } from './rows/dataset.ts';
import { learntTokens } from './rows/dataset.ts';

/** The part of an engine's version that decides the bits of a result. Raise the first when the trainer changes them. */
const ENGINE = 'openledger trainer 1, onnxruntime-web 1.30.0';
const METRIC = 'mean negative log-likelihood of a reply token, in nats';
/** More ids would make the manifest larger than a reader takes. */
const MOST_IDS = 10_000;

/** Weights of a run, the step after which they were taken, and their validation loss where it was measured. */
export interface TakenWeights {
	parameters: Float32Array;
	step: number;
	loss?: number;
}

export interface ResultFacts {
	taken: Pick<TakenWeights, 'step' | 'loss'>;
	adapter: LoraAdapter;
	run: RunDetail;
	plan: TrainingPlan;
	dataset: Dataset;
	base: { id: string; hashes: readonly string[] };
	/** openledger.json of the adapter that was continued, where it has one. */
	continued?: { sha256: string; weights?: string; name: string; manifest?: Uint8Array };
}

/** PEFT's two files and the manifest that says how to make them again, by name. */
export async function resultFiles(
	{ adapter, run, taken, plan, dataset, base, continued }: ResultFacts,
	{ name, description, author, licence }: SaveOptions
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
	const files = new Map<string, Uint8Array<ArrayBuffer>>(writeAdapter(adapter));
	const hashOf = async (file: string) => sha256Hex(files.get(file) ?? new Uint8Array());
	const { targetModules, ...settings } = run.hyperparameters;
	const manifest: AdapterManifest = {
		format: 'openledger-adapter/1',
		name,
		...(description && { description }),
		...(author && { author }),
		...(licence && { licence }),
		...(plan.prompts.length > 0 && { examples: plan.prompts }),
		base: { id: base.id, sha256: [...base.hashes] },
		files: { [CONFIG_FILE]: await hashOf(CONFIG_FILE), [WEIGHTS_FILE]: await hashOf(WEIGHTS_FILE) },
		datanets: await Promise.all(plan.sources.map((_, source) => usedRows(plan, dataset, source))),
		hyperparameters: { preset: run.preset, ...settings, targetModules: targetModules.join(' ') },
		...(run.baseLoss !== undefined &&
			taken.loss !== undefined && {
				evaluation: {
					metric: METRIC,
					heldOutRows: dataset.validation.length,
					heldOutTokens: dataset.validation
						.flatMap(({ samples }) => samples)
						.reduce((sum, sample) => sum + learntTokens(sample), 0),
					lossBefore: run.baseLoss,
					lossAfter: taken.loss
				}
			}),
		training: {
			seed: plan.seed,
			steps: run.steps,
			bestStep: taken.step,
			provider: run.provider,
			engine: ENGINE
		},
		...(continued && { lineage: lineageOf(continued) })
	};
	files.set(MANIFEST_FILE, new TextEncoder().encode(formatManifest(manifest)));
	return files;
}

async function usedRows(
	plan: TrainingPlan,
	dataset: Dataset,
	number: number
): Promise<AdapterManifest['datanets'][number]> {
	const { name, licence, root, datanet } = plan.sources[number] as TrainingPlan['sources'][number];
	const ids = [...dataset.training, ...dataset.validation]
		.flatMap(({ id, source }) => (source === number ? [id] : []))
		.sort();
	const text = ids.map((id) => `${id}\n`).join('');
	return {
		name,
		rows: ids.length,
		...(licence && { licence }),
		...(root && { root }),
		...(datanet && { id: datanet }),
		...(ids.length <= MOST_IDS && { rowIds: ids }),
		rowsSha256: await sha256Hex(new TextEncoder().encode(text))
	};
}

/** The adapter that was continued, and before it those that it goes on from itself. */
function lineageOf({ sha256, weights, name, manifest }: NonNullable<ResultFacts['continued']>) {
	const parent = manifest && parseManifest(manifest);
	const datanets = (parent?.datanets ?? []).map(({ name: datanet, rows, root }) => ({
		name: datanet,
		rows,
		...(root && { root })
	}));
	return [{ sha256, ...(weights && { weights }), name, datanets }, ...(parent?.lineage ?? [])];
}
