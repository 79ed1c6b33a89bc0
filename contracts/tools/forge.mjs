import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

/**
 * Path of a Foundry program ('forge', 'anvil') inside its npm package, or undefined where npm carries none for this platform.
 * @param {'forge' | 'anvil'} program
 * @returns {string | undefined}
 */
export function foundry(program) {
	const arch = process.arch === 'x64' ? 'amd64' : process.arch;
	try {
		return require.resolve(`@foundry-rs/${program}-${process.platform}-${arch}/bin/${program}`);
	} catch {
		return undefined;
	}
}

/**
 * Runs forge on contracts/ from the repository root (the npm solc refuses sources outside its base path).
 * @param {string[]} args
 * @param {{ profile?: string, capture?: boolean, env?: Record<string, string> }} [options]
 * @returns {{ status: number | null, stdout: string, stderr: string }}
 */
export function forge(args, { profile = 'default', capture = false, env = {} } = {}) {
	const program = foundry('forge');
	if (!program) throw new Error(`npm carries no forge for ${process.platform}-${process.arch}`);
	const [command = 'build', ...rest] = args;
	const run = spawnSync(program, [command, '--root', '.', ...rest], {
		cwd: root,
		encoding: 'utf8',
		stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
		maxBuffer: 1 << 28,
		env: { ...process.env, FOUNDRY_CONFIG: 'contracts/foundry.toml', FOUNDRY_PROFILE: profile, ...env }
	});
	return { status: run.status, stdout: run.stdout ?? '', stderr: run.stderr ?? '' };
}
