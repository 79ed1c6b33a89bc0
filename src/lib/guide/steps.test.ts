import { expect, test } from 'vitest';
import { doneOf, placeOf, STEPS, type GuideFacts, type Task } from './steps.ts';

const nothing: GuideFacts = {
	...{ adapter: false, indexed: false, registered: false, play: true },
	...{ seen: false, settled: false, claimed: false }
};
const books = { covers: false, unposted: false, waiting: false, ripe: false, claimable: false };

test('the path asks for one thing after another, each once what came before can be seen', () => {
	let facts = nothing;
	const tasks: Task[] = [placeOf(facts).task];
	const changes: Partial<GuideFacts>[] = [
		...[{ rows: 0 }, { rows: 3 }, { run: 'working' }, { run: 'done' }, { adapter: true }, { indexed: true }],
		...[{ books }, { registered: true }, { books: { ...books, covers: true } }],
		...[{ reply: 'measuring' }, { reply: 'measured' }, { seen: true }, { settled: true }],
		...[{ books: { ...books, covers: true, unposted: true } }, { books: { ...books, waiting: true } }],
		...[{ books: { ...books, waiting: true, ripe: true } }, { books: { ...books, claimable: true } }],
		{ claimed: true }
	] as Partial<GuideFacts>[];
	for (const change of changes) {
		facts = { ...facts, ...change };
		tasks.push(placeOf(facts).task);
	}
	expect(tasks).toEqual([
		...['begin', 'add', 'choose', 'training', 'keep', 'measuring', 'reading', 'register', 'deposit', 'ask'],
		...['weighing', 'look', 'pay', 'reading', 'post', 'wait', 'finalise', 'claim', 'end']
	]);
	expect(STEPS.every((step) => doneOf(facts)[step])).toBe(true);
});

test('what was undone is asked for again, and with a wallet that pays in earnest nothing is', () => {
	const paid: GuideFacts = {
		...{ rows: 3, adapter: true, indexed: true, registered: true, play: true, reply: 'measured', seen: true },
		...{ settled: true, claimed: false, books }
	};
	// The sandbox was begun anew.
	expect(placeOf({ ...paid, registered: false }).task).toBe('register');
	expect(placeOf({ ...paid, play: false }).task).toBe('sandbox');
	// A bond is needed to post, and the balance was taken out.
	expect(placeOf({ ...paid, books: { ...books, unposted: true } }).task).toBe('deposit');
	expect(placeOf({ ...paid, adapter: false, rows: 3, run: 'waiting' }).task).toBe('resume');
});
