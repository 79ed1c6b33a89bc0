import type { Page } from 'playwright';
import { Dice } from '../../test/support/dice.ts';
import { openApp } from './app-in-browser.ts';

const KILLS = Number(process.env['KILLS'] ?? 100);
const SEED = Number(process.env['SEED'] ?? 1);
/** Milliseconds from a question to the kill, at most: from before the model reads it until after the reply. */
const LATEST = 2_500;

/** Milliseconds for a reply to come to its end, on a machine that is busy. */
const LIMIT = 240_000;

/** A message as the chat's database has it. */
interface Stored {
	role: 'user' | 'assistant';
	text: string;
	parent: string | null;
	id: string;
	status?: string;
	createdAt: number;
}

/**
 * Ends the engine's worker `KILLS` times, at random moments of a conversation: while the model is loaded, reads, writes or rests; at times
 * again while it starts anew. A crash is recovered from when the person, pressing no more than Continue or Try again, gets the reply to
 * its end. A message is lost when a question is not in the database, or when a reply is there without what could be read of it before.
 */
export async function crashDrill() {
	return openApp(
		async (context, url) => {
			const dice = new Dice(SEED);
			await context.addInitScript(
				(text) => {
					if (location.protocol === 'http:') localStorage['openledger.preferences'] ??= text;
				},
				JSON.stringify({
					reply: { temperature: 0.8, maxNewTokens: 64, repetitionPenalty: 1.1, topK: 40, topP: 0.95, minP: 0 }
				})
			);
			const page = await context.newPage();
			page.setDefaultTimeout(300_000);
			await page.goto(url);
			await page.getByRole('heading', { name: /^Ask/ }).waitFor();
			const asked: string[] = [];
			const read: string[] = [];
			let [kills, recoveries] = [0, 0];
			while (kills < KILLS) {
				// A conversation does not grow for ever.
				if (asked.length % 10 === 0) await page.goto(url);
				const question = `What is a ${dice.pick(words)}? (${asked.length + 1})`;
				await page.getByRole('textbox', { name: 'Message' }).fill(question);
				await page.getByRole('button', { name: 'Send' }).click();
				asked.push(question);
				let open = 0;
				do {
					await page.waitForTimeout(dice.below(LATEST));
					const seen = await lastReply(page);
					if (!(await killEngine(page))) continue;
					kills++;
					open++;
					if (seen) read.push(seen);
				} while (open === 0 || (kills < KILLS && dice.next() < 0.25));
				if (await finish(page)) recoveries += open;
				else console.error(`not recovered after ${question}`);
			}
			await page.reload();
			const stored = await messages(page);
			return {
				crash_kills: kills,
				crash_recoveries: recoveries,
				lost_messages: lost(stored, asked, read),
				crash_questions: asked.length,
				crash_seed: SEED
			};
		},
		{ serviceWorker: false }
	);
}

const words = ['cell', 'bone', 'market', 'tendon', 'tax', 'comet', 'loan', 'nerve', 'budget', 'planet'];

/** Brings the last reply to its end, as a person would. False when it does not come to one. */
async function finish(page: Page): Promise<boolean> {
	const again = page.getByRole('button', { name: /^(Continue|Try again)$/ }).last();
	for (const patience = Date.now() + LIMIT; Date.now() < patience; await page.waitForTimeout(200)) {
		const { status } = (await messages(page)).findLast(({ role }) => role === 'assistant') ?? {};
		if (status === 'done') return true;
		if ((status === 'interrupted' || status === 'failed') && (await again.isVisible()))
			await again.click().catch(() => undefined);
	}
	return false;
}

/** Ends it as a crash would: nobody is told. False while none runs. */
async function killEngine(page: Page): Promise<boolean> {
	const running = await page.evaluate(async () => {
		const { held = [] } = await navigator.locks.query();
		return held.some(({ name, mode }) => mode === 'exclusive' && name?.startsWith('openledger-engine-'));
	});
	const engine = page.workers().findLast((worker) => worker.url().includes('engine'));
	// It may be on its way out.
	return running && engine ? engine.evaluate(() => (self.close(), true)).catch(() => false) : false;
}

function lastReply(page: Page): Promise<string> {
	return page.evaluate(
		() => [...document.querySelectorAll('article')].at(-1)?.querySelector('.markdown')?.textContent ?? ''
	);
}

function messages(page: Page): Promise<Stored[]> {
	return page.evaluate(
		() =>
			new Promise<Stored[]>((resolve, reject) => {
				const opening = indexedDB.open('openledger-chat');
				opening.onerror = () => reject(opening.error);
				opening.onsuccess = () => {
					const reading = opening.result.transaction('messages').objectStore('messages').getAll();
					reading.onsuccess = () => {
						opening.result.close();
						resolve((reading.result as Stored[]).sort((a, b) => a.createdAt - b.createdAt));
					};
				};
			})
	);
}

/** Questions that are not there just once, and replies of which no stored one has all that was read. */
function lost(stored: Stored[], asked: string[], read: string[]): number {
	const letters = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, '');
	const replies = stored.filter(({ role }) => role === 'assistant').map(({ text }) => letters(text));
	const questions = asked.filter(
		(question) => stored.filter(({ role, text }) => role === 'user' && text === question).length !== 1
	);
	const unanswered = stored.filter(
		({ role, id }) => role === 'user' && !stored.some(({ parent }) => parent === id)
	);
	const cut = read.filter((text) => !replies.some((reply) => reply.startsWith(letters(text))));
	for (const text of [...questions, ...unanswered.map(({ text }) => text), ...cut])
		console.error('lost:', text);
	return questions.length + unanswered.length + cut.length;
}
