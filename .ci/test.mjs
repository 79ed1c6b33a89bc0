import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { ensureChromium } from './chromium.mjs';

/**
 * Every check of the project, in the order in which a mistake is cheapest to see. A step with a `report` counts its own tests;
 * every other step counts as one. What needs nothing of the others begins `early` and is told in its turn.
 * @typedef {{ name: string, command: string, report?: string, early?: boolean }} Step
 * @type {Step[]}
 */
const steps = [
	{ name: 'types', command: 'npm run --silent check' },
	{ name: 'lint', command: 'eslint --max-warnings 0 . && prettier --check --log-level warn .' },
	{ name: 'dead code', command: 'knip' },
	{ name: 'build', command: 'vite build --logLevel warn' },
	{ name: 'contracts', command: 'node contracts/test.mjs', report: '.cache/contracts.json', early: true },
	{
		name: 'tests',
		command: 'vitest run --reporter=default --reporter=json --outputFile.json=.cache/vitest.json',
		report: '.cache/vitest.json'
	}
];

process.chdir(new URL('..', import.meta.url).pathname);
process.env.CHROME_PATH = ensureChromium();
mkdirSync('.cache', { recursive: true });

let passed = 0;
let failed = 0;
const early = new Map(steps.filter((step) => step.early).map((step) => [step, run(step)]));
for (const step of steps) {
	console.log(`\n── ${step.name}`);
	const { status, seconds, output } = await (early.get(step) ?? run(step));
	process.stdout.write(output);
	if (step.report && existsSync(step.report)) {
		const report = JSON.parse(readFileSync(step.report, 'utf8'));
		passed += report.numPassedTests ?? report.passed;
		// A file that fails to load has no failed test; the exit code still counts.
		failed += (report.numFailedTests ?? report.failed) || (status === 0 ? 0 : 1);
	} else if (status === 0) passed++;
	else failed++;
	console.log(`── ${step.name}: ${status === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** @param {Step} step what an early one says is kept until its turn */
async function run({ command, report, early = false }) {
	if (report) rmSync(report, { force: true });
	const started = performance.now();
	const child = spawn(command, { shell: true, stdio: early ? 'pipe' : 'inherit' });
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
