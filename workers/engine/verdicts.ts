import type { Folder } from '#workers/models/store/folder.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { readWhole, writeWhole } from '#workers/models/store/whole-file.ts';
import type { SelfTestReport } from '#workers/runtime/self-test.ts';

/** What the self-test found, kept so that it runs once for each device, browser and model file. */
export type Verdict = Pick<SelfTestReport, 'plan' | 'prefillChunk'>;

/** What a verdict depends on. */
export interface VerdictKey {
	/** Adapter as the browser names it, and the browser's version. */
	device: string;
	/** SHA-256 of the ONNX file. */
	model: string;
}

/** The runtime's own version is part of the format: raise it when onnxruntime moves. */
const FORMAT = 'onnxruntime-1.30.0/1';
const PLANS: readonly Verdict['plan'][] = ['fused', 'decomposed', 'fp32', 'wasm'];

const pathOf = async (key: VerdictKey): Promise<string> =>
	`verdicts/${await sha256Hex(new TextEncoder().encode(JSON.stringify([FORMAT, key.device, key.model])))}`;

export async function readVerdict(folder: Folder, key: VerdictKey): Promise<Verdict | undefined> {
	const bytes = await readWhole(folder, await pathOf(key));
	if (!bytes) return undefined;
	try {
		const json = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Verdict>;
		const plan = PLANS.find((known) => known === json.plan);
		return plan && { plan, prefillChunk: json.prefillChunk };
	} catch {
		// Damaged: the test runs again.
		return undefined;
	}
}

/** A full disk or a second tab must not keep a model from starting: the test then runs again next time. */
export async function writeVerdict(folder: Folder, key: VerdictKey, verdict: Verdict): Promise<void> {
	try {
		await writeWhole(folder, await pathOf(key), new TextEncoder().encode(JSON.stringify(verdict)));
	} catch (error) {
		console.warn('The verdict of the self-test could not be kept.', error);
	}
}
