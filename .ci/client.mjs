import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * Writes the client for pages of other addresses (src/lib/api/client.ts, one file without imports) as JavaScript and its types:
 * `client/openledger.js` and `.d.ts`.
 * @param {string} directory the built site
 */
export function writeClient(directory) {
	const source = readFileSync(new URL('../src/lib/api/client.ts', import.meta.url), 'utf8');
	const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
	const { outputText: code } = ts.transpileModule(source, { compilerOptions });
	const { outputText: types, diagnostics } = ts.transpileDeclaration(source, { compilerOptions });
	if (diagnostics?.length) throw new Error('The types of src/lib/api/client.ts cannot be written.');
	mkdirSync(join(directory, 'client'), { recursive: true });
	writeFileSync(join(directory, 'client/openledger.js'), code);
	writeFileSync(join(directory, 'client/openledger.d.ts'), types);
}
