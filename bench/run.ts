import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine, describeVersions } from './machine.ts';
import { updateReadme } from './readme.ts';

/**
 * `npm run bench -- NAME [--json] [--save]`: runs bench/NAME.bench.ts. The last line of output is one JSON object.
 * `--save` also writes bench/results/NAME.json, from which the README's table is made.
 */
const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } }
});

const here = new URL('.', import.meta.url);
const names = (await readdir(here)).flatMap((file) => file.match(/^(.+)\.bench\.ts$/)?.[1] ?? []).sort();
const unknown = positionals.filter((name) => !names.includes(name));
if (positionals.length === 0 || unknown.length > 0) {
	console.error(
		`${unknown.length > 0 ? `No benchmark named ${unknown.join(', ')}. ` : ''}Name one of: ${names.join(', ')}`
	);
	process.exit(2);
}

for (const name of positionals) {
	const benchmark = (await import(new URL(`${name}.bench.ts`, here).href)) as { run(): Promise<object> };
	if (!values.json) console.log(`${name} …`);
	const figures = await benchmark.run();
	const result = { bench: name, ...figures, machine: describeMachine(), versions: describeVersions() };
	if (values.save) {
		mkdirSync(new URL('results/', here), { recursive: true });
		writeFileSync(new URL(`results/${name}.json`, here), `${JSON.stringify(result, null, '\t')}\n`);
	}
	if (!values.json) console.log(JSON.stringify(figures, null, 2));
	console.log(JSON.stringify(result));
}
if (values.save && existsSync(new URL('../README.md', here))) updateReadme();
// ORT's thread pools keep the process alive.
process.exit(0);
