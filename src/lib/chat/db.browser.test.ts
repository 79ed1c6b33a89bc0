import { afterEach, expect, test } from 'vitest';
import { hideConversation, searchConversations } from './conversations.svelte.ts';
import { db, newId, tidy, updateReply, watchWriter, whileWriting } from './db.ts';
import type { Message } from './records.ts';

afterEach(() => Promise.all([db.conversations.clear(), db.messages.clear()]));

function reply(id: string, conversation = 'c'): Message {
	return {
		...{ id, conversation, parent: null, role: 'assistant', text: 'so far', createdAt: 0 },
		...{ status: 'streaming', model: 'Nano', adapters: [] }
	};
}

const status = async (id: string) => {
	const message = await db.messages.get(id);
	return message?.role === 'assistant' ? message.status : undefined;
};

test('a reply whose tab is gone becomes interrupted; one that is still being written stays', async () => {
	await db.messages.bulkAdd([reply('dead'), reply('alive')]);
	await whileWriting('alive', async () => {
		await tidy();
		expect(await status('dead')).toBe('interrupted');
		expect(await status('alive')).toBe('streaming');
	});
	await tidy();
	expect(await status('alive')).toBe('interrupted');
	expect((await db.messages.get('alive'))?.text).toBe('so far');
});

test('a watched reply becomes interrupted when its writer goes, and only then', async () => {
	await db.messages.bulkAdd([reply('killed'), reply('finished')]);
	const { signal } = new AbortController();
	let watches: Promise<void>[] = [];
	await whileWriting('killed', () =>
		whileWriting('finished', async () => {
			watches = [watchWriter('killed', signal), watchWriter('finished', signal)];
			await new Promise((resolve) => setTimeout(resolve, 1200));
			expect(await status('killed')).toBe('streaming');
			await updateReply('finished', { status: 'done' });
		})
	);
	await Promise.all(watches);
	expect(await status('killed')).toBe('interrupted');
	expect(await status('finished')).toBe('done');
});

test('a deletion that was not undone is carried out at the next start, with its messages', async () => {
	const times = { createdAt: 0, updatedAt: 0, leaf: null };
	await db.conversations.bulkAdd([
		{ id: 'old', title: 'old', ...times, deletedAt: Date.now() - 120_000 },
		{ id: 'fresh', title: 'fresh', ...times }
	]);
	await db.messages.bulkAdd([reply('m1', 'old'), reply('m2', 'fresh')]);
	const { restore } = await hideConversation('fresh');
	await tidy();
	expect(await db.conversations.toCollection().primaryKeys()).toEqual(['fresh']);
	expect(await db.messages.toCollection().primaryKeys()).toEqual(['m2']);
	restore();
	await expect.poll(async () => (await db.conversations.get('fresh'))?.deletedAt).toBeUndefined();
});

test('search finds conversations in which all words occur, in title or messages', async () => {
	const times = { createdAt: 0, updatedAt: 0, leaf: null };
	await db.conversations.bulkAdd([
		{ id: 'a', title: 'Bones of the hip', ...times },
		{ id: 'b', title: 'Inflation', ...times }
	]);
	await db.messages.bulkAdd([
		{ ...reply('m1', 'a'), text: 'The iliac Crest' },
		{ ...reply('m2', 'b'), text: 'prices' }
	]);
	expect(await searchConversations('crest HIP')).toEqual(new Set(['a']));
	expect(await searchConversations('crest prices')).toEqual(new Set());
});

test('a reply that was deleted meanwhile is not brought back by its last save', async () => {
	await updateReply('gone', { text: 'late' });
	expect(await db.messages.count()).toBe(0);
});

test('ids sort by time and do not repeat', () => {
	const ids = Array.from({ length: 1000 }, newId);
	expect(new Set(ids).size).toBe(1000);
	expect((ids[0] ?? '').split('-')[0]).toMatch(/^[\da-z]{8}$/);
});
