import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import { isEncrypted } from '#workers/datanets/backup/encrypt.ts';
import { plural } from '../ui/format.ts';
import { toasts } from '../ui/toasts.svelte.ts';
import { datanets, proxy } from './connection.ts';
import { db } from './db.svelte.ts';

/** What a file that someone opens or drops may be. */
export type FileKind = 'bundle' | 'backup' | 'rows';

export async function kindOf(file: File): Promise<FileKind> {
	if (file.name.endsWith('.datanet')) return 'bundle';
	if (file.name.endsWith('.backup') || (await isEncrypted(file))) return 'backup';
	return 'rows';
}

/** Merges a copy of a Datanet, or brings it here, and goes there. */
export async function bringDatanet(file: Blob): Promise<void> {
	const { datanet, info } = await datanets((api) => api.manifest(file));
	const here = await db.datanets.get(datanet);
	const report = await datanets((api) =>
		api.merge(
			file,
			`merge-${Date.now()}`,
			proxy(() => undefined)
		)
	);
	toasts.say(
		here
			? `“${info.name}”: ${plural(report.added, ['row', 'rows'])} came in, ${plural(report.removed, ['row', 'rows'])} went out.`
			: `“${info.name}” is here, with ${plural(report.added, ['row', 'rows'])}.`
	);
	await goto(resolve('/datanets/[id]', { id: datanet }));
}

export async function openSample(): Promise<void> {
	const response = await fetch(`${resolve('/')}samples/bones-and-joints.datanet`.replace('//', '/'));
	await bringDatanet(await response.blob());
}
