/**
 * Every check of the contracts. Usage: node contracts/test.mjs [--full]
 * Writes .cache/contracts.json {passed, failed}. `--full` runs the long fuzz and invariant campaigns (docs/settlement-testing.md).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { proofFiles, prove } from './proofs/prove.mjs';
import { forge, foundry, root } from './tools/forge.mjs';

/** Least part of all branches that the tests must reach, in per cent. */
const BRANCHES = 95;

const full = process.argv.includes('--full');
const profile = full ? 'full' : 'default';
let passed = 0;
let failed = 0;

/** @param {string} name @param {() => boolean | { passed: number, failed: number }} check */
function step(name, check) {
	const started = performance.now();
	const result = check();
	const counts = typeof result === 'boolean' ? { passed: +result, failed: +!result } : result;
	passed += counts.passed;
	failed += counts.failed;
	const seconds = ((performance.now() - started) / 1000).toFixed(1);
	console.log(`── contracts, ${name}: ${counts.failed ? 'FAILED' : 'ok'} (${counts.passed}) in ${seconds} s`);
}

function build() {
	const { status, stdout, stderr } = forge(['build'], { capture: true });
	if (status !== 0) console.error((stdout + stderr).slice(-6000));
	return status === 0;
}

function lint() {
	// The linter writes artifacts without bytecode: they must not stand in for the real ones.
	const env = { FOUNDRY_OUT: '.cache/forge-lint/out', FOUNDRY_CACHE_PATH: '.cache/forge-lint/cache' };
	const { status, stdout, stderr } = forge(['lint', 'contracts/src'], { capture: true, env });
	const output = stdout + stderr;
	const clean = status === 0 && !/^(warning|note|error)/m.test(output);
	if (!clean) console.error(output);
	return clean;
}

/** Runs the forge tests, gas snapshots included; prints each failure with its reason and counterexample. */
function tests() {
	const { stdout, stderr } = forge(['test', '--json'], { profile, capture: true, env: { FORGE_SNAPSHOT_CHECK: 'true' } });
	const counts = { passed: 0, failed: 0 };
	let suites;
	try {
		suites = JSON.parse(stdout.slice(stdout.indexOf('{')));
	} catch {
		console.error((stdout + stderr).slice(-6000));
		return { passed: 0, failed: 1 };
	}
	for (const [suite, { test_results }] of Object.entries(suites)) {
		for (const [name, result] of Object.entries(test_results)) {
			if (result.status === 'Success') counts.passed++;
			else if (result.status === 'Failure') {
				counts.failed++;
				console.error(`  ${suite} ${name}: ${result.reason ?? ''}`);
				if (result.counterexample) console.error(`    ${JSON.stringify(result.counterexample).slice(0, 2000)}`);
			}
		}
	}
	// An empty run is a failure, not a pass.
	if (counts.passed + counts.failed === 0) counts.failed = 1;
	return counts;
}

/** Branches reached by the tests. Compiled without the optimiser into a folder of its own, with short campaigns. */
function coverage() {
	const env = {
		FOUNDRY_OUT: '.cache/forge-coverage/out',
		FOUNDRY_CACHE_PATH: '.cache/forge-coverage/cache',
		FOUNDRY_FUZZ_RUNS: '20',
		FOUNDRY_INVARIANT_RUNS: '1'
	};
	const args = ['coverage', '--report', 'summary', '--no-match-coverage', 'test|proofs', '--no-match-contract', 'GasTest'];
	const { stdout, stderr } = forge(args, { capture: true, env });
	const branches = Number(stdout.match(/\| Total .*?\|.*?\|.*?\| +([\d.]+)%/)?.[1]);
	if (!(branches >= BRANCHES)) console.error((stdout + stderr).slice(-6000));
	console.log(`   branches reached: ${branches} %`);
	return branches >= BRANCHES;
}

/** The client's own arithmetic (contracts/client), by Node's test runner. */
function client() {
	const files = readdirSync(`${root}/contracts/client`).filter((name) => name.endsWith('.test.ts'));
	const paths = files.map((name) => `contracts/client/${name}`);
	const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...paths], { cwd: root, encoding: 'utf8' });
	const count = (/** @type {string} */ what) => Number(run.stdout.match(new RegExp(`^# ${what} (\\d+)`, 'm'))?.[1] ?? 0);
	if (run.status !== 0) console.error((run.stdout + run.stderr).slice(-6000));
	return { passed: count('pass'), failed: count('fail') || (run.status === 0 ? 0 : 1) };
}

function proofs() {
	let good = true;
	for (const file of proofFiles()) {
		const { proved, problems } = prove(file);
		console.log(`   ${file}: ${proved} assertions proved`);
		for (const problem of problems) console.error(problem);
		good &&= problems.length === 0 && proved > 0;
	}
	return good;
}

if (!foundry('forge')) {
	console.log(`contracts skipped: npm carries no forge for ${process.platform}-${process.arch}`);
} else {
	step('build', build);
	step('lint', lint);
	step('tests', tests);
	step('branch coverage', coverage);
	step('client', client);
	step('sizes and typed ABIs', () => spawnSync(process.execPath, ['contracts/abi.mjs', '--check'], { cwd: root, stdio: 'inherit' }).status === 0);
	step('proofs', proofs);
}

mkdirSync(`${root}/.cache`, { recursive: true });
writeFileSync(`${root}/.cache/contracts.json`, JSON.stringify({ passed, failed }));
console.log(`contracts: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
