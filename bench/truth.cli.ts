import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readShapeGraph } from './support/models.ts';
import { pairSample } from './support/lds.ts';
import { RECIPE, Retrainer } from './support/retrain.ts';
import { digestOf, halfOf, TRUTH_SETS, truthRows } from './support/truth-sets.ts';

/**
 * `node bench/truth.cli.ts --seed 1 --subsets 100`: the ground truth of `bench -- lds`. Trains nano on random halves of three Datanets
 * (../shared/data) and appends each query's loss to bench/truth/NAME.jsonl, subset by subset, a line for each:
 * [subset, seed, loss of each query in 1/10,000 nats]. Goes on where it was stopped; several may run at once, one a seed.
 */
const { values } = parseArgs({
	options: {
		seed: { type: 'string', default: '1' },
		subsets: { type: 'string', default: '100' },
		threads: { type: 'string', default: '1' },
		folder: { type: 'string', default: fileURLToPath(new URL('truth/', import.meta.url)) }
	}
});
const seed = Number(values.seed);
mkdirSync(values.folder, { recursive: true });

const retrainer = await Retrainer.create(readShapeGraph('nano').read, Number(values.threads));
const sets = TRUTH_SETS.map((name) => {
	const truth = truthRows(name);
	if (!truth) throw new Error('The ground truth needs ../shared/data.');
	const file = join(values.folder, `${name}.jsonl`);
	const head = JSON.stringify({ rows: digestOf(truth), recipe: RECIPE });
	if (!existsSync(file)) appendFileSync(file, `${head}\n`);
	const lines = readFileSync(file, 'utf8').trim().split('\n');
	if (lines[0] !== head) throw new Error(`${file} is of other rows or another recipe`);
	const done = new Set(lines.slice(1).map((line) => (JSON.parse(line) as number[]).slice(0, 2).join('/')));
	return {
		name,
		file,
		done,
		samples: truth.rows.map((pair) => pairSample(pair)),
		queries: truth.queries.map((pair) => pairSample(pair))
	};
});

for (let subset = 1; subset <= Number(values.subsets); subset++)
	for (const { name, file, done, samples, queries } of sets) {
		if (done.has(`${subset}/${seed}`)) continue;
		const started = performance.now();
		const half = halfOf(samples.length, subset);
		const parameters = await retrainer.parameters(
			samples.filter((_, i) => half[i]),
			1000 * seed + subset
		);
		const losses = await retrainer.losses(queries, parameters);
		const units = losses.map((loss) => Math.round(loss * 1e4));
		appendFileSync(file, `${JSON.stringify([subset, seed, ...units])}\n`);
		const seconds = ((performance.now() - started) / 1000).toFixed(1);
		console.log(`${name}: subset ${subset}, seed ${seed}, ${seconds} s`);
	}
process.exit(0);
