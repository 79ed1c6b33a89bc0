/** Runs `measure(argument)` of a module and prints its result as JSON: the other half of child.ts. */
const [module = '', argument = 'null'] = process.argv.slice(2);
const { measure } = (await import(module)) as { measure(argument: unknown): Promise<unknown> };
const result = await measure(JSON.parse(argument));
process.stdout.write(`\n@result ${JSON.stringify(result)}\n`, () => process.exit(0));
