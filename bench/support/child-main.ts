/** Runs `measure(argument)` of a module and prints its result as JSON: the other half of child.ts. */
const [module = '', argument = 'null'] = process.argv.slice(2);
// The parent waits without listening, so when it is killed nobody else ends this process.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(1), 1000).unref();
const { measure } = (await import(module)) as { measure(argument: unknown): Promise<unknown> };
const result = await measure(JSON.parse(argument));
process.stdout.write(`\n@result ${JSON.stringify(result)}\n`, () => process.exit(0));
