import { expect, test } from 'vitest';
import { App } from './app.ts';

const short = { reply: { maxNewTokens: 48, temperature: 0, seed: 1 } };

interface Stored {
	state: string;
	reason?: string;
	text: string;
	parts?: { base: number; contributors: number; unattributed: number };
	contributors: { id: number; name?: string; share: number }[];
	rows: { contributor: number; share: number; text?: string; licence?: string; source?: string }[];
	receipt?: { weights: { id: number; weight: number }[]; lift: number; unmeasured: string | null };
}

/** Records of replies, as the app keeps them. */
function records(app: App): Promise<Stored[]> {
	return app.page.evaluate(
		() =>
			new Promise<Stored[]>((resolve, reject) => {
				const open = indexedDB.open('openledger-attribution');
				open.onerror = () => reject(open.error ?? new Error('no database'));
				open.onsuccess = () => {
					const database = open.result;
					if (!database.objectStoreNames.contains('attributions')) return resolve([]);
					const all = database.transaction('attributions').objectStore('attributions').getAll();
					all.onerror = () => reject(all.error ?? new Error('no records'));
					all.onsuccess = () => {
						database.close();
						resolve(all.result as Stored[]);
					};
				};
			})
	);
}

/** Waits until nothing is left to measure. */
async function measured(app: App, count: number): Promise<Stored[]> {
	const settled = ({ state }: Stored) => state === 'measured' || state === 'unmeasured';
	await expect
		.poll(async () => (await records(app)).filter(settled).length, { timeout: 100_000 })
		.toBe(count);
	return records(app);
}

test('the first reply of an example adapter has shares that add up, and names rows and people', async () => {
	const app = await App.open({ preferences: short });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(0);
	await app.ask('What is patella?');
	await app.settled();
	const [record] = await measured(app, 1);
	if (!record?.parts || !record.receipt) throw new Error('nothing was measured');
	expect(record).toMatchObject({ state: 'measured', receipt: { unmeasured: null } });
	const { base, contributors, unattributed } = record.parts;
	expect(base + contributors + unattributed).toBe(65_535);
	expect(record.contributors.reduce((sum, { share }) => sum + share, 0)).toBe(contributors);
	expect(record.rows.reduce((sum, { share }) => sum + share, 0)).toBe(contributors);
	expect(record.receipt.weights.reduce((sum, { weight }) => sum + weight, 0)).toBe(65_535);
	expect(record.receipt.lift).toBeGreaterThan(0);
	expect(contributors).toBeGreaterThan(0);
	for (const row of record.rows) {
		expect(row).toMatchObject({ licence: 'CC-BY-4.0', source: expect.stringContaining('OpenStax') });
		expect(row.text).toMatch(/^What is /);
	}
	for (const { name } of record.contributors) expect(name).toMatch(/\w+ \w+/);
});

test('chat comes first: a question ends the measuring, which begins again when it is quiet', async () => {
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
});

test('what a closed tab left unmeasured is measured at the next visit', async () => {
	const app = await App.open({ preferences: short });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(0);
	await app.ask('What is sacrum?');
	await app.settled();
	await app.page.reload();
	const [record] = await measured(app, 1);
	expect(record).toMatchObject({ state: 'measured' });
});
