/**
 * Proves the assertions of proofs/*.sol with solc's SMTChecker (CHC engine) and z3. Usage: node contracts/proofs/prove.mjs
 * Prints one line a file; fails if an assertion is violated or cannot be decided.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { posix } from 'node:path';
import { root } from '../tools/forge.mjs';

const require = createRequire(import.meta.url);
const folder = 'contracts/proofs';

/** Solver time for one query, in milliseconds. */
const TIMEOUT = 60_000;

/** z3's answers to a query of solc's, from npm's WebAssembly build (z3.mjs). @param {string} query */
function solve(query) {
	const { stdout, stderr, status } = spawnSync(process.execPath, [`${root}/${folder}/z3.mjs`], {
		input: query,
		encoding: 'utf8',
		timeout: 2 * TIMEOUT,
		maxBuffer: 1 << 30
	});
	if (!/^(sat|unsat|unknown)/.test(stdout)) throw new Error(`z3 ended with ${status}: ${(stdout + stderr).slice(0, 2000)}`);
	return stdout;
}

/** The file and all it imports, by path from the repository root. @param {string} path @param {Record<string, { content: string }>} sources */
function collect(path, sources = {}) {
	if (sources[path]) return sources;
	const content = readFileSync(`${root}/${path}`, 'utf8');
	sources[path] = { content };
	for (const [, target = ''] of content.matchAll(/^import .*?"(.+?)";/gm)) {
		collect(posix.join(posix.dirname(path), target), sources);
	}
	return sources;
}

/**
 * @param {string} file
 * @returns {{ proved: number, problems: string[] }}
 */
export function prove(file) {
	const solc = require('solc');
	const smtchecker = require('solc/smtchecker');
	const path = `${folder}/${file}`;
	const input = {
		language: 'Solidity',
		sources: collect(path),
		settings: {
			outputSelection: {},
			modelChecker: {
				contracts: { [path]: [file.replace('.sol', '')] },
				engine: 'chc',
				targets: ['assert'],
				solvers: ['smtlib2'],
				timeout: TIMEOUT,
				showProvedSafe: true,
				showUnproved: true
			}
		}
	};
	const callback = smtchecker.smtCallback(solve);
	const { errors = [] } = JSON.parse(solc.compile(JSON.stringify(input), { smtSolver: callback }));
	const proofs = errors.filter((/** @type {{ errorCode: string }} */ e) => e.errorCode === '9576');
	// 5724: custom errors from a library, in functions that no proof enters. 6335, 1391: not about proofs.
	const problems = errors
		.filter((/** @type {{ errorCode: string, severity: string }} */ e) => !['9576', '6335', '1391', '5724'].includes(e.errorCode))
		.map((/** @type {{ formattedMessage: string }} */ e) => e.formattedMessage);
	return { proved: proofs.length, problems };
}

export const proofFiles = () => readdirSync(`${root}/${folder}`).filter((name) => name.endsWith('.sol'));

if (process.argv[1]?.endsWith('prove.mjs')) {
	for (const file of proofFiles()) {
		const started = performance.now();
		const { proved, problems } = prove(file);
		console.log(`${file}: ${proved} proved in ${((performance.now() - started) / 1000).toFixed(1)} s`);
		for (const problem of problems) console.error(problem);
		if (problems.length || proved === 0) process.exitCode = 1;
	}
}
