import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine, describeVersions } from './machine.ts';
import { updateCards } from './cards.ts';
import { updateReadme } from './readme.ts';

/**
 * `npm run bench -- NAME [--json] [--save]`: runs bench/NAME.bench.ts. The last line of output is one JSON object.
 * `--save` also writes bench/results/NAME.json, from which the README's table is made. NAME:PART runs one of the parts of a long
 * benchmark; saved, its figures take the place of those before and the other parts' stay, as they do when it is run without them.
 */
const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } }
});

const here = new URL('.', import.meta.url);
const names = (await readdir(here)).flatMap((file) => file.match(/^(.+)\.bench\.ts$/)?.[1] ?? []).sort();
const asked = positionals.map((text) => text.split(':') as [name: string, part?: string]);
const unknown = asked.flatMap(([name]) => (names.includes(name) ? [] : [name]));
if (positionals.length === 0 || unknown.length > 0) {
	console.error(
		`${unknown.length > 0 ? `No benchmark named ${unknown.join(', ')}. ` : ''}Name one of: ${names.join(', ')}`
	);
	process.exit(2);
}

interface Benchmark {
	run(): Promise<object>;
	parts?: Record<string, () => Promise<object>>;
}

for (const [name, part] of asked) {
	const benchmark = (await import(new URL(`${name}.bench.ts`, here).href)) as Benchmark;
	const run = part === undefined ? benchmark.run : benchmark.parts?.[part];
	if (!run) {
		console.error(
			`${name} has no part ${part}. Name one of: ${Object.keys(benchmark.parts ?? {}).join(', ')}`
		);
		process.exit(2);
	}
	if (!values.json) console.log(`${name} …`);
	const figures = await run();
	const file = new URL(`results/${name}.json`, here);
	const before =
		benchmark.parts && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {};
	const about = { machine: describeMachine(), versions: describeVersions() };
	const result = { bench: name, ...(values.save && before), ...figures, ...about };
	if (values.save) {
		mkdirSync(new URL('results/', here), { recursive: true });
		writeFileSync(file, `${JSON.stringify(result, null, '\t')}\n`);
	}
	if (!values.json) console.log(JSON.stringify(figures, null, 2));
	console.log(JSON.stringify(result));
}
if (values.save && existsSync(new URL('../README.md', here))) {
	updateReadme();
	updateCards();
}
// ORT's thread pools keep the process alive.
process.exit(0);
