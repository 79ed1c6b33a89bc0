import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes half a minute and more (a whole run prints it). */
const LONG = [
	'test/e2e/gpu.test.ts',
	'test/e2e/factory.test.ts',
	'test/e2e/attribution-views.test.ts',
	'test/e2e/guide.test.ts',
	'test/e2e/ledger.test.ts',
	'test/e2e/datanets-kill.test.ts',
	'test/e2e/openai.test.ts',
	'workers/train/train.browser.test.ts',
	'workers/train/device-loss.browser.test.ts',
	'workers/runtime/gpu-decoder.browser.test.ts',
	'workers/models/models.browser.test.ts',
	'workers/train/service.test.ts',
	'workers/onnx/train/train-graph.test.ts',
	'workers/train/memory.test.ts',
	'workers/generate/generator.test.ts'
];

/**
 * Begins with what takes longest, so that nothing is left at the end for which one worker runs and the others wait. A fresh clone
 * knows no times, and by size, which Vitest goes by then, the longest of all came last.
 */
export class LongestFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
		const place = ({ moduleId }: TestSpecification) => {
			const known = LONG.findIndex((path) => moduleId.endsWith(`/${path}`));
			return known < 0 ? LONG.length : known;
		};
		return (await super.sort(files)).toSorted((a, b) => group(a) - group(b) || place(a) - place(b));
	}
}
