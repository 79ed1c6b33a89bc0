import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { scoreFinder } from '#test/support/personal-data-set.ts';
import { seededRandom } from '#test/support/random.ts';
import { NEAR, NearDuplicates } from '#workers/datanets/checks/near-duplicates.ts';
import { findPersonalData } from '#workers/datanets/checks/personal-data.ts';
import { jaccard, shinglesOf } from '#workers/datanets/checks/shingles.ts';
import { callWorker, longestBlock, openApp, peakMemory } from './support/app-in-browser.ts';
import { corpusLines, corpusRow } from './support/datanets-corpus.ts';
import { median, spread } from './support/statistics.ts';
import { chooseImport } from './support/choose-import.ts';

const ROWS = Number(process.env.ROWS ?? 100_000);
/** Rows of which every pair with any other row is compared. */
const SAMPLE = 200;
const WORDS = [
	'smooth',
	'bone99',
	'upper lower',
	'number 777',
	'artery1',
	'skin muscle',
	'heart',
	'thick nerve12'
];

/**
 * A Datanet of 100,000 rows in the built app in Chromium: imported, opened, scrolled and searched as a person does it, its
 * root and its checks by the app's worker. Memory is the page's process with its workers, code and all.
 */
export async function run() {
	const folder = mkdtempSync(join(tmpdir(), 'datanets-'));
	try {
		const file = join(folder, 'rows.jsonl');
		const lines = corpusLines(ROWS);
		writeFileSync(file, await lines.bytes());
		const measured = await openApp(async (context, url) => {
			const page = await context.newPage();
			const imported = await importRows(page, url, file);
			const id = /datanets\/([0-9a-f]{32})/.exec(page.url())?.[1] ?? '';
			await page.close();
			return {
				...imported,
				...(await look(await context.newPage(), url, id)),
				...(await compute(await context.newPage(), url, id))
			};
		});
		const { recall, precision } = scoreFinder(findPersonalData);
		return {
			...measured,
			near_dup_recall: nearDuplicateRecall(),
			pii_recall: recall,
			pii_precision: precision,
			rows: ROWS,
			bytes: lines.size
		};
	} finally {
		rmSync(folder, { recursive: true });
	}
}

async function importRows(page: Page, url: string, file: string) {
	await chooseImport(page, url, 'Measured', file);
	const go = page.getByRole('button', { name: 'Import', exact: true });
	await go.waitFor();
	let seconds = 0;
	const { peak, before, result } = await peakMemory(page, () =>
		longestBlock(page, async () => {
			const started = performance.now();
			await go.click();
			await page.getByText(/rows added/).waitFor({ timeout: 300_000 });
			seconds = (performance.now() - started) / 1000;
		})
	);
	return { import_s: seconds, longest_block_ms: result.block, peak_mb: peak, memory_before_mb: before };
}

/** Opening it in a new tab's list, scrolling through it, searching in it. */
async function look(page: Page, url: string, id: string) {
	const opens: number[] = [];
	for (let i = 0; i < 3; i++) {
		await page.goto(`${url}/datanets`);
		await page.getByRole('link', { name: /Measured/ }).waitFor();
		opens.push(
			await page.evaluate(async () => {
				const began = performance.now();
				[...document.querySelectorAll('a')].find((link) => link.textContent.includes('Measured'))?.click();
				const shown = () => document.querySelector('main')?.textContent.includes('Whose knowledge');
				while (!shown()) await new Promise((resolve) => requestAnimationFrame(resolve));
				return performance.now() - began;
			})
		);
	}
	await page.goto(`${url}/datanets/${id}/rows`);
	await page.getByRole('row').nth(5).waitFor();
	await page.waitForTimeout(1_000);
	const frames = await page.evaluate(async () => {
		const grid = document.querySelector('[role=grid]');
		if (!grid) throw new Error('The table is not there.');
		const gaps: number[] = [];
		let last = performance.now();
		const next = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
		await next();
		last = performance.now();
		// A slow stretch, a fast one, and leaps through all of it.
		for (let i = 0; i < 240; i++) {
			grid.scrollTop += i < 80 ? 40 : i < 160 ? 1_500 : (grid.scrollHeight / 80) * (i % 2 ? 3 : -2);
			const now = await next();
			gaps.push(now - last);
			last = now;
		}
		return gaps;
	});
	const searches: number[] = [];
	for (const word of WORDS)
		searches.push(
			await page.evaluate(async (text) => {
				const field = document.querySelector<HTMLInputElement>(
					'input[type=search], [aria-label="Search rows"]'
				);
				const count = document.querySelector('[role=status].count');
				if (!field || !count) throw new Error('The search field is not there.');
				const before = count.textContent;
				const began = performance.now();
				field.value = text;
				field.dispatchEvent(new InputEvent('input', { bubbles: true }));
				while (count.textContent === before) {
					await new Promise((resolve) => setTimeout(resolve));
					if (performance.now() - began > 20_000) throw new Error(`“${text}” found as many rows as before.`);
				}
				return performance.now() - began;
			}, word)
		);
	await page.close();
	return {
		open_ms: median(opens),
		scroll_longest_frame_ms: Math.max(...frames),
		scroll_frames_over_100_ms: frames.filter((gap) => gap > 100).length,
		search_with_typing_pause_ms: median(searches),
		spread: { open_ms: spread(opens), search_with_typing_pause_ms: spread(searches) }
	};
}

/** What only the worker does. */
async function compute(page: Page, url: string, id: string) {
	await page.goto(`${url}/favicon.svg`);
	const { block, result } = await longestBlock(page, () =>
		callWorker(page, 'datanets', [
			{ method: 'open', args: [id] },
			...WORDS.map((text) => ({ method: 'select', args: [id, 'searched', { text }] })),
			{ method: 'root', args: [id] },
			{ method: 'select', args: [id, 'all', {}] },
			{ method: 'show', args: [id, 'all', Math.floor(ROWS / 2), 1] }
		])
	);
	const [opened, ...others] = result;
	const searches = others.slice(0, WORDS.length).map(({ ms }) => ms);
	const root = others[WORDS.length];
	const [shown] = others.at(-1)?.value as { row: { id: string } }[];
	const again = await callWorker(page, 'datanets', [
		{ method: 'root', args: [id] },
		{ method: 'edit', args: [id, shown?.row.id, { licence: 'CC0-1.0' }, 0] },
		{ method: 'root', args: [id] },
		{
			method: 'check',
			args: [id, { shortest: 20, longest: 20_000, licences: [] }, undefined, 'checking', 'listener']
		}
	]);
	if (again[0]?.value === again[2]?.value) throw new Error('An edit left the root as it was.');
	await page.close();
	return {
		open_in_worker_ms: opened?.ms,
		search_ms: median(searches),
		search_slowest_ms: Math.max(...searches),
		root_s: (root?.ms ?? NaN) / 1000,
		root_incremental_s: (again[2]?.ms ?? NaN) / 1000,
		root_block_ms: block,
		near_dup_s: (again[3]?.ms ?? NaN) / 1000
	};
}

/** Of all pairs at least NEAR alike that a sample of rows has with any row, the part that the finder puts together. */
function nearDuplicateRecall(): number {
	const near = new NearDuplicates();
	const sets = Array.from({ length: ROWS }, (_, i) => {
		const { prompt, response } = corpusRow(i);
		return shinglesOf(`${prompt}\n\n${response}`);
	});
	for (const set of sets) near.add(set);
	const run = near.groups();
	let step = run.next();
	while (!step.done) step = run.next();
	const groups = step.value;
	const random = seededRandom(1);
	let pairs = 0;
	let found = 0;
	for (let i = 0; i < SAMPLE; i++) {
		// Half of the sample are rows that do repeat another one, so that there is something to recall.
		const any = Math.floor(random() * ROWS);
		const a = i % 2 ? any : any - (any % 50) + 49;
		for (let b = 0; b < ROWS; b++) {
			if (a === b || jaccard(sets[a] as Uint32Array, sets[b] as Uint32Array) < NEAR) continue;
			pairs++;
			if (groups[a] !== -1 && groups[a] === groups[b]) found++;
		}
	}
	return found / pairs;
}
