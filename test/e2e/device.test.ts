import { expect, test } from 'vitest';
import { visit } from '#test/support/visit.ts';
import { chromiumArguments } from '../../.ci/chromium.mjs';
import { App } from './app.ts';

const reply = { maxNewTokens: 8 };

test('what runs the model is shown, and a person may choose otherwise', async () => {
	const app = await App.open({ path: '/settings', preferences: { reply } });
	const device = app.page.getByRole('region', { name: 'This device' });
	await device.getByText(/^Nano on the CPU \(wasm, \d+ threads?\)$/).waitFor();
	await device.getByText('its graphics card is emulated in software').waitFor();
	await device.getByRole('radio', { name: 'CPU' }).click();
	await device.getByText(/^Nano on the CPU/).waitFor();
	await app.page.reload();
	await device.getByText(/^Nano on the CPU/).waitFor();
	expect(await device.getByRole('radio', { name: 'CPU' }).getAttribute('aria-checked')).toBe('true');
	await device.getByRole('radio', { name: 'Best choice' }).click();
	await device.getByText(/^Nano on the CPU/).waitFor();
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
});

test('a browser without WebGPU refuses in words a choice of the GPU that came from another, with a way back; it says what it lacks, offers no GPU, and answers on the processor', async () => {
	const args = [
		...chromiumArguments.filter((argument) => !/webgpu|vulkan/i.test(argument)),
		'--disable-features=WebGPU',
		'--disable-gpu'
	];
	const app = await App.open({ preferences: { provider: 'webgpu', reply }, args });
	await app.page.getByText('This model cannot run on the graphics card').waitFor();
	await visit(app.page, '/settings');
	await app.page.getByRole('button', { name: 'Back to the best choice' }).click();
	await app.page.getByText(/^Nano on the CPU/).waitFor();
	const device = app.page.getByRole('region', { name: 'This device' });
	await device.getByText('This browser offers none (no WebGPU)').waitFor();
	expect(await device.getByRole('radio', { name: 'GPU' }).isDisabled()).toBe(true);
	// As for somebody who never chose.
	await app.page.reload();
	await app.page.getByText(/^Nano on the CPU/).waitFor();
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.text()).not.toBe('');
});

test('a prompt longer than the context is refused in words, and the conversation goes on; one that outgrows the context leaves its oldest turns out, and says how many', async () => {
	const app = await App.open({ preferences: { reply: { ...reply, maxNewTokens: 4 } } });
	await app.ask('bone '.repeat(1000));
	const alert = app.replies.first().getByRole('alert');
	await alert.waitFor();
	expect(await alert.innerText()).toMatch(/tokens; this model has room for \d+[\s\S]*Shorten the message/);
	await app.page.reload();
	await alert.waitFor();
	const another = app.page
		.getByRole('link', { name: 'New chat' })
		.or(app.page.getByRole('button', { name: 'New chat' }))
		.first();
	await another.click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.text()).not.toBe('');

	await another.click();
	await app.replies.first().waitFor({ state: 'detached' });
	for (let turn = 1; turn <= 4; turn++) {
		await app.ask('What is the name of the long bone of the upper arm of a person? '.repeat(8));
		await app.settled(turn);
	}
	const said = app.page.getByText(/The context is full: \d+ older turns? (was|were) left out/).first();
	await said.waitFor();
	expect(await app.replies.count()).toBe(4);
});
