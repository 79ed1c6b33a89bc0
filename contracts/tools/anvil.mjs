import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { foundry } from './forge.mjs';

/** A port that is free now. @returns {Promise<number>} */
function freePort() {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const address = server.address();
			server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
		});
	});
}

/**
 * Starts anvil on a free loopback port, Prague rules. Stop it when done.
 * @param {string[]} [args] more of anvil's own arguments
 * @returns {Promise<{ url: string, stop: () => void }>}
 */
export async function startAnvil(args = []) {
	const program = foundry('anvil');
	if (!program) throw new Error(`npm carries no anvil for ${process.platform}-${process.arch}`);
	const port = await freePort();
	const child = spawn(program, ['--port', `${port}`, '--hardfork', 'prague', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
	const stop = () => void child.kill('SIGTERM');
	process.once('exit', stop);
	await new Promise((resolve, reject) => {
		child.once('exit', (code) => reject(new Error(`anvil ended with ${code} before it listened`)));
		let text = '';
		child.stdout.on('data', (chunk) => {
			text += chunk;
			if (text.includes('Listening on')) resolve(undefined);
		});
	});
	return { url: `http://127.0.0.1:${port}`, stop };
}
