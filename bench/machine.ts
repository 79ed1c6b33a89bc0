import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** Packages whose version changes a figure. */
const measured = ['onnxruntime-web', 'onnxruntime-node', '@huggingface/transformers', 'webgpu'];

/** The machine as a reader would describe it; nothing that names it. */
export function describeMachine() {
	const processors = cpus();
	return {
		cpu: processors[0]?.model ?? 'unknown',
		cores: processors.length,
		memoryGiB: Math.round(totalmem() / 2 ** 30),
		platform: `${process.platform} ${process.arch}`
	};
}

/** Node and the installed version of each package that is measured. */
export function describeVersions(): Record<string, string> {
	const versions: Record<string, string> = { node: process.versions.node };
	for (const name of measured) {
		const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
		versions[name] = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
	}
	return versions;
}
