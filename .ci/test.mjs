import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { ensureChromium } from './chromium.mjs';

/**
 * A step with a `report` counts its own tests; every other step counts as one.
 * @typedef {{ name: string, command: string, report?: string }} Step
 */

/** @param {string} project of vite.config.ts @returns {Step} */
const vitest = (project) => {
	const report = `.cache/${project}-tests.json`;
	const reporters = `--reporter=default --reporter=json --outputFile.json=${report}`;
	return { name: `${project} tests`, command: `vitest run --project ${project} ${reporters}`, report };
};

/**
 * Every check of the project, in the order in which a mistake is cheapest to see. A round begins when the one before is through, and
 * its steps run one after another. Those `beside` them do so too meanwhile, on the other core, and are told after them: checks and the
 * compiler of the contracts take one each. Tests keep two cores busy by themselves; beside others those that wait for a time fail.
 * @type {{ steps: Step[], beside?: Step[] }[]}
 */
const rounds = [
	{
		steps: [
			{ name: 'types', command: 'npm run --silent check' },
			{ name: 'lint', command: 'eslint --max-warnings 0 . && prettier --check --log-level warn .' },
			{ name: 'dead code', command: 'knip' },
			{ name: 'build', command: 'vite build --logLevel warn' }
		],
		beside: [{ name: 'contracts', command: 'node contracts/test.mjs', report: '.cache/contracts.json' }]
	},
	{ steps: [vitest('unit'), vitest('browser'), vitest('e2e')] }
];

process.chdir(new URL('..', import.meta.url).pathname);
process.env.CHROME_PATH = ensureChromium();
mkdirSync('.cache', { recursive: true });

let passed = 0;
let failed = 0;
for (const { steps, beside = [] } of rounds) {
	const quiet = inTurn(beside);
	for (const step of steps) tell(step, await run(step, 'inherit'));
	for (const [step, result] of await quiet) tell(step, result);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** @param {Step[]} steps */
async function inTurn(steps) {
	/** @type {[Step, Awaited<ReturnType<typeof run>>][]} */
	const results = [];
	for (const step of steps) results.push([step, await run(step, 'pipe')]);
	return results;
}

/** @param {Step} step @param {'inherit' | 'pipe'} stdio seen as it goes, or kept until it is told */
async function run({ name, command, report }, stdio) {
	if (stdio === 'inherit') console.log(`\n── ${name}`);
	if (report) rmSync(report, { force: true });
	const started = performance.now();
	const child = spawn(command, { shell: true, stdio });
	/** @type {Buffer[]} */
	const pieces = [];
	for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece) => pieces.push(piece));
	const [status] = await once(child, 'close');
	return {
		status,
		seconds: ((performance.now() - started) / 1000).toFixed(1),
		output: Buffer.concat(pieces)
	};
}

/** @param {Step} step @param {Awaited<ReturnType<typeof run>>} result */
function tell({ name, report }, { status, seconds, output }) {
	process.stdout.write(output);
	if (report && existsSync(report)) {
		const counts = JSON.parse(readFileSync(report, 'utf8'));
		passed += counts.numPassedTests ?? counts.passed;
		// A file that fails to load has no failed test; the exit code still counts.
		failed += (counts.numFailedTests ?? counts.failed) || (status === 0 ? 0 : 1);
	} else if (status === 0) passed++;
	else failed++;
	console.log(`── ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
}
