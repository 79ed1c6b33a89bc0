import { describe, expect, test } from 'vitest';
import type { Message } from './records.ts';
import { newestLeaf, pathTo, turns } from './tree.ts';

function user(id: string, parent: string | null, createdAt: number): Message {
	return { id, conversation: 'c', parent, role: 'user', text: id, createdAt };
}
function reply(id: string, parent: string, createdAt: number, pair?: string): Message {
	return {
		...{ id, conversation: 'c', parent, role: 'assistant', text: id, createdAt },
		...{ status: 'done', model: 'Nano', adapters: [], pair }
	};
}
const byId = (...messages: Message[]) => new Map(messages.map((message) => [message.id, message]));

/** q1 → (r1 | r2 → (q2 → r3 | q3)) */
const tree = byId(
	user('q1', null, 1),
	reply('r1', 'q1', 2),
	reply('r2', 'q1', 3),
	user('q2', 'r2', 4),
	reply('r3', 'q2', 5),
	user('q3', 'r2', 6)
);

describe('branches', () => {
	test('the path runs from the first message to the leaf', () => {
		expect(pathTo(tree, 'r3').map(({ id }) => id)).toEqual(['q1', 'r2', 'q2', 'r3']);
	});

	test('every place knows its alternatives in the order they were made', () => {
		const shown = turns(tree, 'r3').map(({ message, index, variants }) => [
			message.id,
			index,
			variants.length
		]);
		expect(shown).toEqual([
			['q1', 0, 1],
			['r2', 1, 2],
			['q2', 0, 2],
			['r3', 0, 1]
		]);
	});

	test('going to a branch leads to its newest end', () => {
		expect(newestLeaf(tree, 'r2')).toBe('q3');
		expect(newestLeaf(tree, 'r1')).toBe('r1');
		expect(newestLeaf(tree, 'q2')).toBe('r3');
	});

	test('replies made side by side are one alternative', () => {
		const paired = byId(
			user('q', null, 1),
			reply('a', 'q', 2),
			reply('b', 'q', 3, 'p'),
			reply('c', 'q', 4, 'p')
		);
		const [, turn] = turns(paired, 'c');
		expect(turn?.variants.map((variant) => variant.map(({ id }) => id))).toEqual([['a'], ['b', 'c']]);
		expect(turn?.index).toBe(1);
		expect(turn?.variant).toHaveLength(2);
	});

	test('a leaf that is gone, or parents in a ring, end the path without harm', () => {
		expect(pathTo(tree, 'gone')).toEqual([]);
		expect(turns(tree, null)).toEqual([]);
		const ring = byId(user('x', 'y', 1), user('y', 'x', 2));
		expect(pathTo(ring, 'x').map(({ id }) => id)).toEqual(['y', 'x']);
	});
});
