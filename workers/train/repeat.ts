import type { AdapterManifest } from '#workers/adapters/manifest.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { TrainingPlan } from './api.ts';
import { checkHyperparameters, migrated, type Hyperparameters, type Preset } from './hyperparameters.ts';

/** The part of a plan that a manifest decides. The rest, above all the rows, must be at hand. */
export type RepeatedPlan = Pick<TrainingPlan, 'preset' | 'seed' | 'provider' | 'repeats'> & {
	hyperparameters: Hyperparameters;
	/** Ids of the contributions that were used. */
	rowIds: string[];
	/** SHA-256 (hex) of the adapter that it went on from. */
	continues?: string;
};

/**
 * How to make an adapter again, as its manifest tells. On the wasm kernels the same inputs give the same bits.
 * @throws OpenLedgerError `train/unsupported` for one that was not made here, or that leaves something out
 */
export function repeatedPlan(manifest: AdapterManifest): RepeatedPlan {
	const { training, datanets, lineage } = manifest;
	const { preset, targetModules, ...settings } = manifest.hyperparameters;
	const rowIds = datanets.flatMap((datanet) => datanet.rowIds ?? []);
	if (!training) throw unclear('which seed it began with');
	if (rowIds.length !== datanets.reduce((sum, { rows }) => sum + rows, 0))
		throw unclear('which rows it learnt from');
	const hyperparameters = migrated({ ...settings, targetModules: String(targetModules).split(' ') });
	try {
		checkHyperparameters(hyperparameters);
	} catch (error) {
		throw unclear('all of its settings', error);
	}
	return {
		preset: ['quick', 'balanced', 'thorough'].includes(String(preset)) ? (preset as Preset) : 'quick',
		seed: training.seed,
		provider: training.provider === 'webgpu' ? 'webgpu' : 'wasm',
		repeats: manifest,
		hyperparameters,
		rowIds,
		...(lineage?.[0] && { continues: lineage[0].sha256 })
	};
}

function unclear(what: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError(
		'train/unsupported',
		`This adapter cannot be made again: its manifest does not say ${what} as this trainer does.`,
		{ remedy: 'Choose the openledger.json of an adapter that was trained in OpenLedger.', cause }
	);
}
