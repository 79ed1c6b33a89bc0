import { OpenLedgerError } from '#workers/errors.ts';
import type { LoraAdapter, LoraModule } from './lora-adapter.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';

type Shape = Pick<LoraModule, 'inFeatures' | 'outFeatures'>;

/**
 * Checks that every module of an adapter exists in the base with the same shapes.
 *
 * Throws `adapter/wrong-base` with the first module that differs, and how.
 */
export function checkFit(
	{ config, modules }: Pick<LoraAdapter, 'config'> & { modules: ReadonlyMap<string, Shape> },
	slots: readonly LoraSlot[]
): void {
	const shapes = new Map(
		slots.flatMap(({ inFeatures, parts }) =>
			parts.map(({ path, outFeatures }) => [path, { inFeatures, outFeatures }] as const)
		)
	);
	for (const [path, { inFeatures, outFeatures }] of modules) {
		const base = shapes.get(path);
		if (!base)
			throw wrongBase(path, 'which this model does not have, or not as a linear layer', config.baseModel);
		if (base.inFeatures !== inFeatures || base.outFeatures !== outFeatures)
			throw wrongBase(
				path,
				`as ${inFeatures} → ${outFeatures}, where this model has ${base.inFeatures} → ${base.outFeatures}`,
				config.baseModel
			);
	}
}

function wrongBase(module: string, difference: string, madeFor: string | undefined): OpenLedgerError {
	const named = madeFor && JSON.stringify(madeFor.slice(0, 120));
	return new OpenLedgerError('adapter/wrong-base', `This adapter changes ${module}, ${difference}.`, {
		remedy: named ? `Load the base model it was made for: ${named}.` : 'Load the base model it was made for.',
		details: { module, ...(named && { madeFor: named }) }
	});
}
