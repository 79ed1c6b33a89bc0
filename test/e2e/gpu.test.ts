import { expect, test } from 'vitest';
import { App } from './app.ts';

const question = 'What is a bone?';
/** SwiftShader needs seconds for a token: enough of them to lose the device in between. */
const reply = { temperature: 0, maxNewTokens: 12 };

test('a person who asks for the GPU has it, emulated too, and a GPU lost in mid-reply costs no word of it', async () => {
	const app = await App.open({ path: '/settings', preferences: { reply } });
	const device = app.page.getByRole('region', { name: 'This device' });
	await device.getByText(/^Nano on the CPU/).waitFor();
	const engine = app.page.workers().find((worker) => worker.url().includes('engine'));
	// Kept, to be destroyed later: what a driver's reset looks like from inside.
	await engine?.evaluate(() => {
		const { requestDevice } = GPUAdapter.prototype;
		GPUAdapter.prototype.requestDevice = async function (...options) {
			const opened = await requestDevice.apply(this, options);
			Object.assign(self, { opened });
			return opened;
		};
	});
	await device.getByRole('radio', { name: 'GPU' }).click();
	// The numerical self-test, which has to find out that this GPU is wrong for long prompts.
	await device.getByText('Nano on the GPU (WebGPU)').waitFor({ timeout: 300_000 });
	await device.getByText(/GPU.*\bin software\b/).waitFor();
	await device.getByText('A safer way was taken').waitFor();

	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask(question);
	await app.writing();
	await engine?.evaluate(() => (self as unknown as { opened: GPUDevice }).opened.destroy());
	await app.page.getByText('Interrupted here; nothing written was lost.').waitFor();
	const kept = await app.text();
	expect(kept).not.toBe('');

	await app.page.getByRole('button', { name: 'Continue' }).click();
	// A minute and more: the engine starts anew, and SwiftShader compiles its shaders again.
	await expect.poll(async () => (await app.text()).length, { timeout: 240_000 }).toBeGreaterThan(kept.length);
	await app.page.getByRole('button', { name: 'Send' }).waitFor({ timeout: 120_000 });
	const whole = await app.text();
	expect(whole.startsWith(kept)).toBe(true);

	// The same words as on the processor: greedy decoding, and the safer way is right.
	await app.page.getByRole('link', { name: 'Device & storage' }).click();
	await device.getByText('Nano on the GPU (WebGPU)').waitFor();
	await device.getByRole('radio', { name: 'CPU' }).click();
	await device.getByText(/^Nano on the CPU/).waitFor();
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask(question);
	await app.settled();
	expect(await app.text()).toBe(whole);
}, 600_000);
