import Download from '@lucide/svelte/icons/download';
import FileText from '@lucide/svelte/icons/file-text';
import Pencil from '@lucide/svelte/icons/pencil';
import Trash2 from '@lucide/svelte/icons/trash-2';
import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import { page } from '$app/state';
import { saveFile } from '../save-file.ts';
import type { MenuItem } from '../ui/Menu.svelte';
import { toasts } from '../ui/toasts.svelte.ts';
import { hideConversation } from './conversations.svelte.ts';
import { db } from './db.ts';
import { fileName, toJson, toMarkdown } from './export.ts';
import type { Conversation } from './records.ts';

/** What can be done with a conversation, wherever it is listed. */
export function conversationActions(conversation: Conversation, rename: () => void): MenuItem[] {
	return [
		{ label: 'Rename', icon: Pencil, onselect: rename },
		{ label: 'Save as Markdown', icon: FileText, onselect: () => void save(conversation, 'md') },
		{ label: 'Save as JSON', icon: Download, onselect: () => void save(conversation, 'json') },
		{ label: 'Delete', icon: Trash2, danger: true, onselect: () => void remove(conversation) }
	];
}

async function save(conversation: Conversation, format: 'md' | 'json') {
	const messages = await db.messages.where({ conversation: conversation.id }).toArray();
	const text = format === 'md' ? toMarkdown(conversation, messages) : toJson(conversation, messages);
	const type = format === 'md' ? 'text/markdown' : 'application/json';
	saveFile(new File([text], fileName(conversation.title, format), { type }));
}

async function remove({ id, title }: Conversation) {
	const { restore, purge } = await hideConversation(id);
	const shown = page.url.searchParams.get('c') === id;
	if (shown) await goto(resolve('/'));
	toasts.undoable(
		`“${title}” was deleted.`,
		() => {
			restore();
			if (shown) void goto(`${resolve('/')}?c=${id}`);
		},
		purge
	);
}
