#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { findChromium } from '../../.ci/chromium.mjs';

/**
 * Chromium, for measuring memory: who drives it asks to be told of requests, and for as long as that is so a page's process keeps the
 * text of every answer, up to 200 MB, which nobody's browser does without developer tools. Here none is kept. Commands come and
 * answers go through two pipes, each with a zero byte at its end.
 */
const chromium = spawn(findChromium() ?? '', process.argv.slice(2), {
	stdio: ['inherit', 'inherit', 'inherit', 'pipe', 'pipe']
});
const [commands, answers] = /** @type {import('node:stream').Duplex[]} */ (chromium.stdio.slice(3));
const keepNothing = { maxTotalBufferSize: 0, maxResourceBufferSize: 0 };

let rest = '';
new Socket({ fd: 3 }).setEncoding('utf8').on('data', (text) => {
	const whole = (rest + text).split('\0');
	rest = whole.pop() ?? '';
	for (const message of whole) {
		const command = JSON.parse(message);
		if (command.method === 'Network.enable') command.params = { ...command.params, ...keepNothing };
		commands?.write(JSON.stringify(command) + '\0');
	}
});
answers?.pipe(new Socket({ fd: 4 }));
chromium.on('exit', (code, signal) => {
	if (code !== 0) console.error(`Chromium ended: ${code ?? signal}.`);
	process.exit(code ?? 1);
});
