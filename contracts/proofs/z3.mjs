/**
 * z3 as a program: SMT-LIB on standard input, answers on standard output. solc asks its solver and waits, while z3's WebAssembly build
 * answers by promise: so it runs in a process of its own (prove.mjs).
 */
import { readFileSync } from 'node:fs';
import { init } from 'z3-solver/build/node.js';

/** What solc's own callback gives the z3 program (solc/smtsolver.js). */
const options = {
	rlimit: '20000000',
	'rewriter.pull_cheap_ite': 'true',
	'fp.spacer.q3.use_qgen': 'true',
	'fp.spacer.mbqi': 'false',
	'fp.spacer.ground_pobs': 'false'
};

const { Z3 } = await init();
for (const [name, value] of Object.entries(options)) Z3.global_param_set(name, value);
const context = Z3.mk_context(Z3.mk_config());
process.stdout.write(await Z3.eval_smtlib2_string(context, readFileSync(0, 'utf8')), () => process.exit(0));
