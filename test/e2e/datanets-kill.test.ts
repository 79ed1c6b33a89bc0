import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright';
import { expect, inject, test } from 'vitest';
import { datanetFile } from '#test/support/bundles.ts';
import { contribution, pair } from '#test/support/datanet.ts';
import { Dice } from '#test/support/dice.ts';
import { fileArgument, listener, WorkerTab } from '#test/support/worker-tab.ts';
import { packEntries } from '#workers/datanets/backup/container.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { findChromium, testArguments } from '../../.ci/chromium.mjs';
import { dump, listed, violations, type Dump } from './datanets-store.ts';

/** `KILLS=200` for the full run. */
const KILLS = Number(process.env.KILLS ?? 10);
/** Two batches of the store's: most kills fall into them or between. */
const ROWS = 1_600;
/** A Datanet that has grown beyond this is left for a fresh one, so that no kill waits for the rows of those before. */
const GROWN = 5_000;
const OTHER = 'c'.repeat(32);

interface Scene {
	tab: WorkerTab;
	datanet: string;
	round: number;
	before: Dump;
	dice: Dice;
}

/** Begins a piece of work. `check` is told whether its end was confirmed, and what lies on the disk after the kill. */
interface Operation {
	name: string;
	begin(scene: Scene): Promise<{
		work: Promise<unknown>;
		check(after: Dump, confirmed: boolean): void;
	}>;
}

const lines = (prefix: string, count: number) =>
	new TextEncoder().encode(
		Array.from(
			{ length: count },
			(_, i) => `${JSON.stringify({ prompt: `${prefix} ${i}`, response: `answer ${i} `.repeat(8) })}\n`
		).join('')
	);

function importFile({ tab, datanet }: Scene, name: string, bytes: Uint8Array) {
	return tab.call(
		'importFiles',
		datanet,
		{ files: [fileArgument(name, bytes)] },
		{
			mapping: { kind: 'pair', prompt: ['prompt'], response: 'response' },
			defaults: { licence: 'CC0-1.0', source: '', language: '', tags: [] },
			skipDuplicates: true
		},
		'import',
		listener
	);
}

const withPrompt = (state: Dump, datanet: string, prefix: string) => {
	const held = new Set(listed(state, datanet));
	return state.rows.filter(
		(row) => row.datanet === datanet && row.prompt.startsWith(`${prefix} `) && held.has(row.id)
	).length;
};

/** All or nothing; all, where it was confirmed. */
function allOrNothing(found: number, confirmed: boolean, all = ROWS) {
	expect(confirmed ? [all] : [0, all]).toContain(found);
}

const operations: Operation[] = [
	{
		name: 'import',
		async begin(scene) {
			const prefix = `import${scene.round}`;
			return {
				work: importFile(scene, 'rows.jsonl', lines(prefix, ROWS)),
				check: (after, confirmed) => allOrNothing(withPrompt(after, scene.datanet, prefix), confirmed)
			};
		}
	},
	{
		name: 'edit',
		async begin({ tab, datanet, before, dice, round }) {
			const ids = dice.shuffle(listed(before, datanet)).slice(0, 12);
			const done: { from: Hex; to: Hex }[] = [];
			const work = (async () => {
				for (const from of ids) {
					const content = pair(`edited${round}`, `better ${from}`);
					const { value } = await tab.call<Hex>('edit', datanet, from, { content }, 0);
					done.push({ from, to: value });
				}
			})();
			return {
				work,
				check(after) {
					const now = new Set(listed(after, datanet));
					for (const { from, to } of done) expect([now.has(from), now.has(to)]).toEqual([false, true]);
					expect(now.size).toBe(listed(before, datanet).length);
				}
			};
		}
	},
	{
		name: 'edit all',
		async begin({ tab, datanet, before, round }) {
			await tab.call('select', datanet, 'all', {});
			return {
				work: tab.call('editAll', datanet, { view: 'all' }, { addTags: [`tag${round}`] }, 'edit', listener),
				check(after, confirmed) {
					const now = new Set(listed(after, datanet));
					const old = listed(before, datanet);
					allOrNothing(old.length - old.filter((id) => now.has(id)).length, confirmed, old.length);
					expect(now.size).toBe(old.length);
				}
			};
		}
	},
	{
		name: 'merge',
		async begin({ tab, datanet, round }) {
			const prefix = `merge${round}`;
			const rows = Array.from({ length: ROWS }, (_, i) =>
				contribution(pair(`${prefix} ${i}`, `answer ${i}`))
			);
			const file = await datanetFile(datanet, 'Merged', rows);
			return {
				work: tab.call('merge', fileArgument('copy.datanet', file), 'merge', listener),
				check(after, confirmed) {
					const found = withPrompt(after, datanet, prefix);
					allOrNothing(found, confirmed);
					const wanted = new Set(rows.map((row) => row.id));
					const versions = after.versions.filter(({ ids }) => ids.some((id) => wanted.has(id)));
					expect(versions).toHaveLength(found === 0 ? 0 : 1);
				}
			};
		}
	},
	{
		name: 'restore a version',
		async begin({ tab, datanet, before }) {
			const version = before.versions.find((candidate) => candidate.datanet === datanet);
			if (!version) throw new Error('There is no version.');
			return {
				work: tab.call('restoreVersion', datanet, version.root),
				check(after, confirmed) {
					const now = listed(after, datanet).sort();
					const old = listed(before, datanet).sort();
					const then = version.ids.toSorted();
					expect((confirmed ? [then] : [old, then]).map((ids) => ids.join())).toContain(now.join());
				}
			};
		}
	},
	{
		name: 'restore a backup',
		async begin({ tab, round }) {
			const prefix = `backup${round}`;
			const rows = Array.from({ length: ROWS }, (_, i) =>
				contribution(pair(`${prefix} ${i}`, `answer ${i}`))
			);
			const content = new Blob([(await datanetFile(OTHER, 'Other', rows)).slice()]);
			const file = await packEntries([{ name: `${OTHER}.datanet`, content }]).bytes();
			await tab.call('delete', OTHER);
			return {
				work: tab.call(
					'restoreBackup',
					fileArgument('all.backup', file),
					undefined,
					listener,
					'restore',
					listener
				),
				check(after, confirmed) {
					const found = withPrompt(after, OTHER, prefix);
					allOrNothing(found, confirmed);
					expect(after.datanets.some(({ id }) => id === OTHER)).toBe(found > 0);
				}
			};
		}
	},
	{
		name: 'freeze',
		async begin({ tab, datanet, before, round }) {
			await importFile({ tab, datanet } as Scene, 'more.jsonl', lines(`frozen${round}`, 5));
			return {
				work: tab.call('freeze', datanet, `note ${round}`, 'freeze', listener),
				check(after, confirmed) {
					const more = after.versions.length - before.versions.length;
					expect(confirmed ? [1] : [0, 1]).toContain(more);
				}
			};
		}
	}
];

test(
	`killing the tab at ${KILLS} random moments loses nothing confirmed and leaves nothing half done`,
	async () => {
		// A profile on the disk, as a person's is; a private window would keep its database in memory.
		const profile = await mkdtemp(join(tmpdir(), 'openledger-kills-'));
		const context = await chromium.launchPersistentContext(profile, {
			executablePath: findChromium(),
			args: testArguments
		});
		const url = inject('appUrl');
		const dice = new Dice();
		const open = () => WorkerTab.open(context, url, 'datanets');
		let tab = await open();
		const begun = async () => {
			const { value: datanet } = await tab.call<string>('create', { name: 'Killed' });
			await importFile({ tab, datanet } as Scene, 'first.jsonl', lines('first', 150));
			await tab.call('freeze', datanet, 'first', 'freeze', listener);
			return datanet;
		};
		try {
			let datanet = await begun();
			let state = await dump(tab.page);
			/** How long each takes when nobody kills it: measured on the first of each, which is let be. */
			const usual = new Map<string, number>();
			const outcomes = { 'in the middle': 0, 'after its end': 0 };
			for (let round = 0; round < operations.length + KILLS; round++) {
				const operation = operations[round % operations.length] as Operation;
				const before = state;
				const { work, check } = await operation.begin({ tab, datanet, round, before, dice });
				const began = performance.now();
				let confirmed = false;
				const watched = work.then(
					() => {
						confirmed = true;
						usual.set(operation.name, performance.now() - began);
					},
					// The page is gone with its answer.
					(error: Error) => expect(error.message).toMatch(/crashed|closed/i)
				);
				const time = usual.get(operation.name);
				if (time === undefined) await watched;
				else await sleep(dice.next() * 1.1 * time);
				await tab.kill();
				await watched;
				if (time === undefined) expect(confirmed, operation.name).toBe(true);
				else outcomes[confirmed ? 'after its end' : 'in the middle']++;
				tab = await open();
				await tab.call('open', datanet);
				const after = await dump(tab.page);
				state = after;
				const what = `kill ${round}, ${operation.name}`;
				expect(violations(after), what).toEqual([]);
				try {
					check(after, confirmed);
				} catch (error) {
					throw new Error(what, { cause: error });
				}
				if (listed(after, datanet).length < GROWN) continue;
				await tab.call('delete', datanet);
				datanet = await begun();
				state = await dump(tab.page);
			}
			console.info(outcomes);
			expect(outcomes['in the middle']).toBeGreaterThan(KILLS / 4);
		} finally {
			await context.close();
			await rm(profile, { recursive: true });
		}
	},
	120_000 + KILLS * 15_000
);
