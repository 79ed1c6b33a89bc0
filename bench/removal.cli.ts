import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Attributed } from './support/attributed.ts';
import { pairSample } from './support/lds.ts';
import { bm25 } from './support/lexical.ts';
import { readShapeGraph } from './support/models.ts';
import { highest, removalFile } from './support/removal.ts';
import { RECIPE, Retrainer } from './support/retrain.ts';
import { digestOf, TRUTH_SETS, truthRows } from './support/truth-sets.ts';

/**
 * `node bench/removal.cli.ts --queries 20`: what the reply to a reworded question loses when the ten rows of most influence are left out
 * and the model is trained again, and when BM25's ten are. Appends to bench/truth/removal.NAME.jsonl, a line a query: [query, losses in
 * 1/10,000 nats with all rows, without ours, without BM25's]. The same seed for all three, so that they differ by the rows alone. Goes
 * on where it was stopped. A change of the estimator asks for a new file.
 */
const { values } = parseArgs({
	options: {
		queries: { type: 'string', default: '20' },
		threads: { type: 'string', default: '1' },
		seed: { type: 'string', default: '1' }
	}
});
const seed = Number(values.seed);
const retrainer = await Retrainer.create(readShapeGraph('nano').read, Number(values.threads));

const sets = [];
for (const name of TRUTH_SETS) {
	const truth = truthRows(name);
	if (!truth) throw new Error('Removal needs ../shared/data.');
	const file = fileURLToPath(removalFile(name));
	const head = JSON.stringify({ rows: digestOf(truth), recipe: RECIPE, seed });
	if (!existsSync(file)) appendFileSync(file, `${head}\n`);
	const [first, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
	if (first !== head) throw new Error(`${file} is of other rows, another recipe or another seed`);
	const done = new Set(lines.map((line) => (JSON.parse(line) as number[])[0]));
	const samples = truth.rows.map((pair) => pairSample(pair));
	const asked = truth.queries.slice(0, truth.trained);
	const whole = await retrainer.parameters(samples, seed);
	const attributed = await Attributed.create(retrainer, whole, truth.rows);
	const scores = await attributed.scores(asked);
	await attributed.dispose();
	const words = bm25(
		truth.rows.map((pair) => pair.join(' ')),
		asked.map((pair) => pair.join(' '))
	);
	const losses = await retrainer.losses(
		asked.map((pair) => pairSample(pair)),
		whole
	);
	sets.push({ name, file, done, samples, asked, scores, words, losses });
}

for (let query = 0; query < Number(values.queries); query++)
	for (const { name, file, done, samples, asked, scores, words, losses } of sets) {
		const pair = asked[query];
		if (!pair || done.has(query)) continue;
		const found = [losses[query] ?? NaN];
		for (const ranking of [scores[query], words[query]]) {
			const left = highest(ranking ?? []);
			const parameters = await retrainer.parameters(
				samples.filter((_, row) => !left.has(row)),
				seed
			);
			found.push((await retrainer.losses([pairSample(pair)], parameters))[0] ?? NaN);
		}
		appendFileSync(file, `${JSON.stringify([query, ...found.map((loss) => Math.round(loss * 1e4))])}\n`);
		console.log(`${name}: query ${query}`);
	}
process.exit(0);
