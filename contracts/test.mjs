/**
 * Every check of the contracts. Usage: node contracts/test.mjs [--full]
 * Writes .cache/contracts.json {passed, failed}; `--full` runs the long fuzz and invariant campaigns.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { forge, foundry, root } from './tools/forge.mjs';

const profile = process.argv.includes('--full') ? 'full' : 'default';
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

/** Runs the forge tests; prints each failure with its reason and counterexample. */
function forgeTests() {
	const { stdout } = forge(['test', '--json'], { profile, capture: true });
	const counts = { passed: 0, failed: 0 };
	let suites;
	try {
		suites = JSON.parse(stdout.slice(stdout.indexOf('{')));
	} catch {
		console.error(stdout.slice(-4000));
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

if (!foundry('forge')) {
	console.log(`contracts skipped: npm carries no forge for ${process.platform}-${process.arch}`);
} else {
	step('build', () => {
		const { status, stdout } = forge(['build', '--sizes'], { capture: true });
		if (status !== 0) console.error(stdout.slice(-4000));
		return status === 0;
	});
	step('lint', () => {
		const { status, stdout } = forge(['lint', '--json'], { capture: true });
		if (stdout.trim()) console.error(stdout);
		return status === 0 && stdout.trim() === '';
	});
	step('tests', forgeTests);
}

mkdirSync(`${root}/.cache`, { recursive: true });
writeFileSync(`${root}/.cache/contracts.json`, JSON.stringify({ passed, failed }));
console.log(`contracts: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
