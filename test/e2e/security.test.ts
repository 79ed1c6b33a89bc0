import { expect, test } from 'vitest';
import { App } from './app.ts';

const forbidden: Record<string, () => Promise<unknown>> = {
	'a script in the page': async () => {
		const script = document.createElement('script');
		script.textContent = 'window.ran = true';
		document.head.append(script);
	},
	// Behind a timer, since a test's own code is exempt.
	'text turned into code': async () =>
		new Promise((resolve, reject) =>
			setTimeout(() => {
				try {
					resolve((0, eval)('window.ran = true'));
				} catch (error) {
					reject(error as Error);
				}
			})
		),
	'text turned into markup': async () => {
		document.body.innerHTML = '<img src="x" onerror="window.ran = true">';
	},
	'an attribute that is code': async () => document.body.setAttribute('onclick', 'window.ran = true'),
	'a worker of another origin': async () => new Worker('https://example.org/worker.js'),
	'a worker made of text': async () =>
		new Worker(URL.createObjectURL(new Blob(['postMessage(1)'], { type: 'text/javascript' }))),
	'a module of another origin': async () => {
		const address = 'https://example.org/module.js';
		await import(/* @vite-ignore */ address);
	},
	'a request in the clear': async () => fetch('http://192.0.2.1/'),
	'a socket in the clear': async () =>
		new Promise((resolve, reject) => {
			const socket = new WebSocket('ws://192.0.2.1/');
			socket.onopen = resolve;
			socket.onerror = reject;
		}),
	'a frame': async () => {
		const frame = document.createElement('iframe');
		frame.src = 'https://example.org/';
		document.body.append(frame);
	},
	'a picture of another origin': async () =>
		new Promise((resolve, reject) => {
			const picture = new Image();
			picture.onload = resolve;
			picture.onerror = reject;
			picture.src = 'https://example.org/pixel.png';
		})
};

test('the page refuses what it does not do itself: foreign or inline code, markup, frames, pictures, requests in the clear', async () => {
	const { page } = await App.open({ lawless: true });
	await page.evaluate(() => {
		const broken: string[] = [];
		Object.assign(window, { broken });
		document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
			broken.push(effectiveDirective)
		);
	});
	for (const [what, attempt] of Object.entries(forbidden)) {
		const before = await page.evaluate(() => (window as unknown as { broken: string[] }).broken.length);
		// Most are refused and reported; what Trusted Types hand to the page's own policy is refused by that.
		const refused = await page.evaluate(attempt).then(
			() => false,
			() => true
		);
		const broken = () => page.evaluate(() => (window as unknown as { broken: string[] }).broken.length);
		if (!refused) await expect.poll(broken, { message: what }).toBeGreaterThan(before);
	}
	expect(await page.evaluate(() => 'ran' in window)).toBe(false);
});
