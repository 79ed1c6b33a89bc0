import { execSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 20)) {
	console.error(`OpenLedger needs Node 20.20 or newer; this is ${process.version}.`);
	process.exit(1);
}

/** npm writes node_modules/.package-lock.json last; it holds the same packages when the install is complete and current. */
function installed() {
	const marker = new URL('node_modules/.package-lock.json', root);
	if (!existsSync(marker)) return false;
	const read = (/** @type {URL} */ url) => JSON.parse(readFileSync(url, 'utf8')).packages;
	const wanted = read(new URL('package-lock.json', root));
	const present = read(marker);
	return Object.entries(wanted).every(
		([path, entry]) => path === '' || entry.optional || present[path]?.version === entry.version
	);
}

if (!installed()) {
	console.log('Installing packages (once, a minute or two) …');
	execSync('npm ci --no-audit --no-fund --loglevel=error', { cwd: root, stdio: 'inherit' });
}
