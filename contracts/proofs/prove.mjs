/**
 * Proves the assertions of proofs/*.sol with solc's SMTChecker (CHC engine) and z3. Usage: node contracts/proofs/prove.mjs [--timeout S]
 * Prints one line a file; fails if an assertion is violated or cannot be decided. Skips, saying so, where there is no z3.
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

export const hasZ3 = () => spawnSync('z3', ['--version']).status === 0;

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
	const smtsolver = require('solc/smtsolver');
	const z3 = smtsolver.availableSolvers.find((/** @type {{ name: string }} */ s) => s.name === 'z3');
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
	const callback = smtchecker.smtCallback(smtsolver.smtSolver, z3);
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
	if (!hasZ3()) console.log('proofs skipped: no z3 on this machine (Debian: apt-get install z3)');
	else
		for (const file of proofFiles()) {
			const started = performance.now();
			const { proved, problems } = prove(file);
			console.log(`${file}: ${proved} proved in ${((performance.now() - started) / 1000).toFixed(1)} s`);
			for (const problem of problems) console.error(problem);
			if (problems.length || proved === 0) process.exitCode = 1;
		}
}
