import { expect, test } from 'vitest';
import { backlog } from './backlog.ts';

const tick = () => new Promise((resolve) => setTimeout(resolve));

test('what is added while the last pass finds nothing more is worked on', async () => {
	const list: number[] = [];
	const done: number[] = [];
	const leaving = Promise.withResolvers<void>();
	const wake = backlog(async () => {
		for (let next = list.shift(); next !== undefined; next = list.shift()) done.push(next);
		// As a lock is given back: nothing is looked for any more.
		await (done.length === 1 ? leaving.promise : tick());
	});
	list.push(1);
	wake();
	list.push(2);
	wake();
	leaving.resolve();
	await expect.poll(() => done).toEqual([1, 2]);
	// And after it has come to rest.
	await tick();
	list.push(3);
	wake();
	await expect.poll(() => done).toEqual([1, 2, 3]);
});

test('one pass at a time', async () => {
	let running = 0;
	let most = 0;
	let passes = 0;
	const wake = backlog(async () => {
		most = Math.max(most, ++running);
		await tick();
		running--;
		passes++;
	});
	for (let i = 0; i < 5; i++) wake();
	await expect.poll(() => passes).toBe(2);
	expect(most).toBe(1);
});
