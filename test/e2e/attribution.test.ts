import { expect, test } from 'vitest';
import { App } from './app.ts';
import { measured, records } from './receipts.ts';

const short = { reply: { maxNewTokens: 48, temperature: 0, seed: 1 } };

test('chat comes first: a question ends the measuring, which begins again when it is quiet; what a closed tab left unmeasured is measured at the next visit', async () => {
	const app = await App.open({ preferences: short });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(0);
	await app.ask('What is tendon?');
	await app.settled();
	await expect
		.poll(async () => (await records(app)).map(({ state }) => state), { timeout: 60_000, interval: 20 })
		.toContain('measuring');
	await app.ask('What is trachea?');
	await app.settled(2);
	const both = await measured(app, 2);
	expect(both.map(({ state }) => state)).toEqual(['measured', 'measured']);

	await app.ask('What is sacrum?');
	await app.settled(3);
	await app.page.reload();
	const all = await measured(app, 3);
	expect(all.map(({ state }) => state)).toEqual(['measured', 'measured', 'measured']);
});
